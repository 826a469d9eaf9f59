import type { InteropPeer } from '@higgins/cli';
import {
  encodeSubgroupHeader,
  encodeSubgroupObject,
  PublishDoneCode,
  RequestErrorCode,
  type RequestId,
  utf8,
} from '@higgins/protocol';
import type { RelayServer } from '@higgins/relay';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeIdentity, type TestIdentity } from '../support/identity.js';
import { SCHEMES, startOurRelay } from '../support/our-relay.js';
import { trackOf } from '../support/publishing.js';
import { Clients } from '../support/session.js';

let identity: TestIdentity;
let relay: RelayServer;

beforeAll(async () => {
  identity = await makeIdentity();
  relay = await startOurRelay(identity);
});

afterAll(async () => {
  await relay?.close();
  identity?.[Symbol.dispose]();
});

/** Cases that the runner's catalogue has beyond the six, which newer clients bring along. */
describe.each(Object.entries(SCHEMES))('our relay in later cases of the runner over %s', (_, scheme) => {
  const url = () => `${scheme}://127.0.0.1:${relay.port}/`;
  const own = (name: string) => trackOf(`moq-test/${scheme}`, name);

  it('BUS-66: publish-track-only: a PUBLISH that nobody waits for', async () => {
    await using clients = new Clients(identity);
    const publisher = await clients.ours(url());
    const request = publisher.command((session) => session.publish(own('alone'), 5));
    const { ok } = await publisher.next(['publish-ok'], 'PUBLISH_OK', request);
    const streams = ok.forward === false ? 0 : 1;
    if (streams === 1) sendObject(publisher, request, 5, utf8('moqt18-publish-track-only'));
    publisher.command((session) =>
      session.publishDone(request, { code: PublishDoneCode.TRACK_ENDED, streamCount: streams, reason: '' }),
    );
    // The session goes on.
    await publisher.announce(own('-').namespace);
  });

  it('BUS-66: publish-track-subscribe: a SUBSCRIBE that waits gets what a PUBLISH brings, and its end', async () => {
    await using clients = new Clients(identity);
    const subscriber = await clients.ours(url());
    const subscription = subscriber.command((session) =>
      session.subscribe(own('awaited'), { rendezvousTimeoutMs: 20_000 }),
    );
    const publisher = await clients.ours(url());
    const request = publisher.command((session) => session.publish(own('awaited'), 5));
    const { ok } = await publisher.next(['publish-ok'], 'PUBLISH_OK', request);
    expect(ok.forward).not.toBe(false);
    await subscriber.next(['subscribe-ok'], 'SUBSCRIBE_OK', subscription);
    sendObject(publisher, request, 5, utf8('moqt18-publish-track-subscribe'));
    publisher.command((session) =>
      session.publishDone(request, { code: PublishDoneCode.TRACK_ENDED, streamCount: 1, reason: '' }),
    );
    const { object } = await subscriber.next(['object'], 'an object', subscription);
    expect([object.group, object.subgroup, object.object]).toEqual([0, 0, 0]);
    expect(object.payload).toEqual(utf8('moqt18-publish-track-subscribe'));
    const { done } = await subscriber.next(['publish-done'], 'PUBLISH_DONE', subscription);
    expect(done).toMatchObject({ code: PublishDoneCode.TRACK_ENDED, streamCount: 1 });
  });

  it('BUS-66: rendezvous-timeout: a SUBSCRIBE that waited in vain is refused with TIMEOUT', async () => {
    await using clients = new Clients(identity);
    const subscriber = await clients.ours(url());
    const request = subscriber.command((session) => session.subscribe(own('never'), { rendezvousTimeoutMs: 300 }));
    const { error } = await subscriber.next(['request-error'], 'REQUEST_ERROR', request);
    expect(error.code).toBe(RequestErrorCode.TIMEOUT);
  });
});

/** Group 0, Subgroup 0, Object 0, then FIN. */
function sendObject(publisher: InteropPeer, request: RequestId, trackAlias: number, payload: Uint8Array): void {
  publisher.command((session) => {
    const header = { trackAlias, group: 0, subgroup: 0, priority: 128, endOfGroup: true, firstObject: true };
    const stream = session.openSubgroup(request, encodeSubgroupHeader({ ...header, hasProperties: false }), 128);
    const object = { delta: 0, properties: new Uint8Array(0), hasProperties: false, status: 'normal' as const };
    session.writeData(stream, encodeSubgroupObject({ ...object, payload }), true);
  });
}
