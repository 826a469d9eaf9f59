import { encodeObjectDatagram, FetchObjectEncoder, RequestErrorCode, type RequestId, utf8 } from '@higgins/protocol';
import { expect, it } from 'vitest';
import type { TestPeer } from '../../../../relay/src/core/testing/test-peer.js';
import { TestWorld, trackOf } from '../../../../relay/src/core/testing/test-world.js';

const NAME = trackOf('video/camera');
const ALIAS = 77;
const NONE = new Uint8Array(0);
const FIELDS = { priority: 1, status: 'normal', properties: NONE } as const;

function announce(peer: TestPeer): void {
  peer.session.publishNamespace(NAME.namespace);
  peer.pump();
}

it('N110: a datagram that has waited for longer than OBJECT_DELIVERY_TIMEOUT is dropped', async () => {
  const world = new TestWorld();
  await world.relay('edge');
  const first = await world.client('edge');
  let subscription: RequestId | null = null;
  first.onNotice = ({ kind, ...notice }) => {
    if (kind !== 'subscribe') return;
    subscription = (notice as { request: RequestId }).request;
    first.session.acceptSubscribe(subscription, { trackAlias: ALIAS });
  };
  announce(first);
  await world.pass(10);
  const [patient, hasty] = [await world.client('edge'), await world.client('edge')];
  const requests = [patient.subscribe(NAME), hasty.subscribe(NAME, { objectDeliveryTimeoutMs: 100 })];
  await world.until(() => patient.of('subscribe-ok').length + hasty.of('subscribe-ok').length === 2);
  const datagram = { ...FIELDS, group: 1, object: 0, endOfGroup: false, payload: utf8('one') };
  expect(encodeObjectDatagram({ ...datagram, trackAlias: ALIAS }).length).toBeGreaterThan(0);
  first.session.sendDatagram(subscription!, datagram);
  first.pump();
  await world.until(() => patient.of('datagram').length + hasty.of('datagram').length === 2);
  // The publisher comes back; what was missed is on its way before anything says what the track is, and has to wait.
  first.session.close(0, '');
  first.pump();
  const second = await world.client('edge');
  const asked: { subscribe?: RequestId; fetch?: RequestId } = {};
  second.onNotice = (notice) => {
    if (notice.kind === 'subscribe') asked.subscribe = notice.request;
    if (notice.kind !== 'fetch') return;
    asked.fetch = notice.request;
    const object = { ...FIELDS, group: 2, subgroup: null, object: 0, payload: utf8('two') };
    const stream = second.session.openFetch(notice.request, 1);
    second.session.writeData(stream, new FetchObjectEncoder('ascending').object(object), true);
  };
  announce(second);
  await world.until(() => asked.fetch !== undefined && asked.subscribe !== undefined);
  await world.pass(500);
  const largest = { group: 2, object: 0 };
  second.session.acceptFetch(asked.fetch!, { endOfTrack: false, end: { group: 2, object: 1 } });
  second.session.acceptSubscribe(asked.subscribe!, { trackAlias: ALIAS, largest });
  second.pump();
  await world.until(() => patient.of('datagram').length === 2);
  await world.pass(100);
  expect(patient.of('datagram', requests[0]).map(({ object }) => object.group)).toEqual([1, 2]);
  expect(hasty.of('datagram', requests[1]).map(({ object }) => object.group)).toEqual([1]);
});

it('N210: a relay that goes away makes no new requests', async () => {
  const world = new TestWorld();
  const relay = await world.relay('edge');
  const publisher = await world.client('edge');
  const refusal = { code: RequestErrorCode.TIMEOUT, reason: 'not yet', retryIntervalMs: 500 };
  publisher.onNotice = (notice) => {
    if (notice.kind === 'subscribe' || notice.kind === 'fetch') publisher.session.reject(notice.request, refusal);
  };
  announce(publisher);
  await world.pass(10);
  const client = await world.client('edge');
  client.subscribe(NAME, { rendezvousTimeoutMs: 60_000 });
  await world.until(() => publisher.of('subscribe').length === 1);
  await world.pass(5);
  const drained = relay.node.drain(5_000);
  await world.pass(4_000);
  expect(publisher.of('goaway')).toHaveLength(1);
  expect(publisher.of('subscribe')).toHaveLength(1);
  await world.world.runUntilSettled(drained, 10_000);
});
