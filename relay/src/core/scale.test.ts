import { RequestErrorCode } from '@higgins/protocol';
import { expect, it } from 'vitest';
import type { TestPeer } from './testing/test-peer.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACKS = 10_000;
const LIMITS = { bidirectionalStreamsMax: 32_768, unidirectionalStreamsMax: 4_096 };

/** Answers for every track: SUBSCRIBE_OK, and that there are no objects yet. */
function answerAll(publisher: TestPeer): void {
  publisher.onNotice = (notice) => {
    const { session } = publisher;
    if (notice.kind === 'subscribe') session.acceptSubscribe(notice.request, { trackAlias: notice.request });
    if (notice.kind !== 'fetch') return;
    session.reject(notice.request, { code: RequestErrorCode.INVALID_RANGE, reason: 'nothing', retryIntervalMs: null });
  };
}

it('check 1: carries 10,000 subscriptions in one session, joined within a second at 50 ms of round trip', async () => {
  const world = new TestWorld({ link: { latencyMs: 25 } });
  const relay = await world.relay('edge', { limits: { namespacesPerSessionMax: TRACKS } });
  const publisher = await world.client('edge', { limits: LIMITS });
  const subscriber = await world.client('edge', { limits: LIMITS });
  answerAll(publisher);
  const names = Array.from({ length: TRACKS }, (_, index) => trackOf(`scale/${index}`));
  for (const { namespace } of names) publisher.session.publishNamespace(namespace);
  publisher.pump();
  const { counters } = relay.node.core;
  await world.until(() => counters.namespaces === TRACKS);
  const startMs = world.nowMs;
  let established = 0;
  subscriber.onNotice = ({ kind }) => {
    if (kind === 'subscribe-ok') established++;
  };
  for (const name of names) {
    const subscription = subscriber.session.subscribe(name, { filter: { kind: 'largest-object' } });
    subscriber.session.fetch({ kind: 'relative-joining', subscription, groupsBack: 0 }, {});
  }
  subscriber.pump();
  await world.until(() => established === TRACKS);
  expect(world.nowMs - startMs).toBeLessThan(1_000);
  expect(counters).toMatchObject({ subscriptions: TRACKS, upstreamSubscriptions: TRACKS, tracks: TRACKS });
  subscriber.session.close(0, '');
  subscriber.pump();
  await world.until(() => counters.subscriptions === 0, 1_000);
});

it('BUS-63: a new upstream is asked for many tracks in portions, and for all of them', async () => {
  const world = new TestWorld();
  const origin = await world.relay('origin', { limits: { namespacesPerSessionMax: TRACKS } });
  const edge = await world.relay('edge', { upstreams: ['origin'] });
  const publisher = await world.client('origin', { limits: LIMITS });
  const subscriber = await world.client('edge', { limits: LIMITS });
  answerAll(publisher);
  const names = Array.from({ length: 1_000 }, (_, index) => trackOf(`scale/${index}`));
  for (const { namespace } of names) publisher.session.publishNamespace(namespace);
  publisher.pump();
  for (const name of names) subscriber.session.subscribe(name, { filter: { kind: 'largest-object' } });
  subscriber.pump();
  const { counters } = edge.node.core;
  await world.until(() => subscriber.of('subscribe-ok').length === names.length);
  const before = counters.upstreamSubscribes;
  world.network.resetConnections('edge', 'origin');
  await world.until(() => counters.upstreamSubscriptions === 0);
  let mostAtOnce = 0;
  let known = before;
  await world.until(() => {
    mostAtOnce = Math.max(mostAtOnce, counters.upstreamSubscribes - known);
    known = counters.upstreamSubscribes;
    return (
      origin.node.core.counters.subscriptions === names.length && counters.upstreamSubscribes === before + names.length
    );
  });
  expect(mostAtOnce).toBe(256);
});
