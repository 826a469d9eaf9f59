import {
  encodeMessage,
  MOQT_18,
  REQUEST_FIRST,
  RequestErrorCode,
  SessionTerminationCode,
  StreamResetCode,
  utf8,
  VI64_MAX,
} from '@higgins/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AbuseBench, type Bystanders, eventually, publish, type Spent, trackOf } from './abuse-bench.js';

const MEBIBYTE = 1024 * 1024;
const SUBSCRIPTIONS_MAX = 200;
const NAMESPACES_MAX = 100;
const BEHIND_GROUPS_MAX = 20;

let bench: AbuseBench;
let bystanders: Bystanders;
beforeAll(async () => {
  const limits = {
    subscriptionsPerSessionMax: SUBSCRIPTIONS_MAX,
    namespacesPerSessionMax: NAMESPACES_MAX,
    behindGroupsMax: BEHIND_GROUPS_MAX,
  };
  bench = await AbuseBench.start({ limits });
});
afterAll(() => bench[Symbol.asyncDispose]());
beforeEach(async () => {
  bystanders = await bench.bystanders();
});

/** Lets `abuse` happen, and holds what the relay spends on it against bounds; the bystanders notice nothing. */
async function endured(bounds: { memoryBytes: number; cpuMs: number }, abuse: () => Promise<void>): Promise<Spent> {
  const spent = await bench.spentBy(async () => {
    await abuse();
    await bystanders.exchange();
  });
  expect(spent.peakBytes).toBeLessThan(bounds.memoryBytes);
  expect(spent.cpuMs).toBeLessThan(bounds.cpuMs);
  expect(bench.alive).toBe(true);
  return spent;
}

const subscribe = (requestId: number, path = `none/${requestId}`) =>
  encodeMessage(MOQT_18, { kind: 'subscribe', requestId, name: trackOf(path), parameters: RENDEZVOUS }, REQUEST_FIRST);
const RENDEZVOUS = { rendezvousTimeoutMs: 60_000 };
const { EXCESSIVE_LOAD } = StreamResetCode;

describe('a peer that', () => {
  it('opens requests without end is refused beyond the limits, and holds no more than them', async () => {
    const peer = await bench.client();
    await endured({ memoryBytes: 64 * MEBIBYTE, cpuMs: 20_000 }, async () => {
      const requests = 3_000;
      for (let i = 0; i < requests; i++) {
        peer.command((session) => session.subscribe(trackOf(`nobody/${i}`), RENDEZVOUS));
      }
      // What is within the limit waits for its publisher; all else is told so, as fast as stream credit lets it come.
      for (let refused = 0; refused < requests - SUBSCRIPTIONS_MAX; refused++) {
        const { error } = await peer.next(['request-error'], 'a refusal');
        expect(error).toMatchObject({ code: RequestErrorCode.EXCESSIVE_LOAD, retryIntervalMs: expect.any(Number) });
      }
    });
    expect(peer.closed).toBe(null);
    await peer.close();
  });

  it('sends half messages for ever has their streams reset, by size and by time', async () => {
    const abuser = await bench.abuser();
    abuser.setup();
    // A SUBSCRIBE of the largest length, of which all but the end comes.
    const half = new Uint8Array(60_000);
    half.set([0x03, 0xff, 0xff]);
    await endured({ memoryBytes: 64 * MEBIBYTE, cpuMs: 20_000 }, async () => {
      for (let i = 0; i < 200; i++) await abuser.sendInTime(true, half);
      await eventually('refusals by size', () => abuser.refused.size >= 100);
      await bystanders.exchange();
      await eventually('refusals by time', () => abuser.refused.size === 200, 60_000);
    });
    expect(new Set(abuser.refused.values())).toEqual(new Set([EXCESSIVE_LOAD]));
    expect(abuser.closed).toBe(null);
    abuser.connection.close(0, '');
  });

  it('floods namespaces is refused beyond the limit', async () => {
    const peer = await bench.client();
    await endured({ memoryBytes: 64 * MEBIBYTE, cpuMs: 20_000 }, async () => {
      const { EXCESSIVE_LOAD: refused, PREFIX_OVERLAP: overlap } = RequestErrorCode;
      for (let i = 0; i < 1_000; i++)
        peer.command((session) => session.publishNamespace(trackOf(`flood/${i}`).namespace));
      for (let i = NAMESPACES_MAX; i < 1_000; i++) {
        expect(await peer.next(['request-error'], 'a refusal')).toMatchObject({ error: { code: refused } });
      }
      for (let i = 0; i < 1_000; i++) peer.command((session) => session.subscribeNamespace(trackOf('flood').namespace));
      for (let i = 1; i < 1_000; i++) {
        expect(await peer.next(['request-error'], 'a refusal')).toMatchObject({ error: { code: overlap } });
      }
    });
    expect(peer.closed).toBe(null);
    await peer.close();
  });

  it('opens requests and resets them at once costs little, and leaves nothing behind', async () => {
    const abuser = await bench.abuser();
    abuser.setup();
    const requests = 10_000;
    await endured({ memoryBytes: 64 * MEBIBYTE, cpuMs: requests * 2 }, async () => {
      for (let i = 0; i < requests; i++) {
        const stream = await abuser.sendInTime(true, subscribe(2 * i));
        if (stream === null) break;
        abuser.connection.reset(stream, StreamResetCode.CANCELLED);
        abuser.connection.stopSending(stream, StreamResetCode.CANCELLED);
        if (i % 1_000 === 999) await bystanders.exchange();
      }
    });
    // All that was asked for is over: as much may be asked for as at first.
    expect(abuser.closed).toBe(null);
    const before = abuser.received;
    await abuser.sendInTime(true, subscribe(2 * requests, 'bystanders/1'));
    await eventually('an answer', () => abuser.received > before);
    abuser.connection.close(0, '');
  });

  it('never reads loses its subscription or its session, and nobody else an object', async () => {
    const publisher = await bench.client();
    const name = trackOf('fat/track');
    const send = await publish(publisher, name);
    const reader = await bench.client();
    const reading = reader.command((session) => session.subscribe(name, {}));
    await reader.next(['subscribe-ok'], 'SUBSCRIBE_OK', reading);
    const windows = { connectionWindowBytes: 64 * 1024, streamWindowBytes: 64 * 1024 };
    const deaf = await bench.abuser(windows, true);
    deaf.setup();
    const subscription = deaf.send(true, subscribe(0, 'fat/track'));
    const payload = new Uint8Array(MEBIBYTE);
    await endured({ memoryBytes: 160 * MEBIBYTE, cpuMs: 30_000 }, async () => {
      for (let group = 1; group <= 60; group++) {
        await send(group, payload);
        const { object } = await reader.next(['object'], `object ${group}`, reading);
        expect(object.group).toBe(group);
        if (group % 20 === 0) await bystanders.exchange();
      }
    });
    deaf.hear();
    await eventually('PUBLISH_DONE and FIN', () => deaf.ended.has(subscription!));
    // What was on its way when the relay gave it up is all that it gets.
    expect(deaf.received).toBeLessThan(10 * MEBIBYTE);
    deaf.connection.close(0, '');
    await Promise.all([publisher.close(), reader.close()]);
  });

  it('uses a Request ID twice is closed on with INVALID_REQUEST_ID', async () => {
    const abuser = await bench.abuser();
    abuser.setup();
    await endured({ memoryBytes: 64 * MEBIBYTE, cpuMs: 10_000 }, async () => {
      abuser.send(true, subscribe(0));
      abuser.send(true, subscribe(0, 'another/track'));
      await eventually('the end', () => abuser.closed !== null);
    });
    expect(abuser.closed).toMatchObject({ code: SessionTerminationCode.INVALID_REQUEST_ID, remote: true });
  });

  it('publishes giant Group IDs has them carried, and the relay walks no gap', async () => {
    const publisher = await bench.client();
    const name = trackOf('giant/groups');
    const send = await publish(publisher, name);
    const subscriber = await bench.client();
    const request = subscriber.command((session) => session.subscribe(name, {}));
    await subscriber.next(['subscribe-ok'], 'SUBSCRIBE_OK', request);
    await endured({ memoryBytes: 64 * MEBIBYTE, cpuMs: 10_000 }, async () => {
      for (const group of [0, 2 ** 40, 2n ** 63n, VI64_MAX]) {
        await send(group, utf8('x'));
        const { object } = await subscriber.next(['object'], `group ${group}`, request);
        expect(object.group).toBe(group);
      }
      const range = {
        kind: 'standalone',
        name,
        start: { group: 0, object: 0 },
        end: { group: VI64_MAX, object: 0 },
      } as const;
      const fetch = subscriber.command((session) => session.fetch(range, { fillTimeoutMs: 0 }));
      const end = await subscriber.next(['fetch-end', 'request-error'], 'the end of the fetch', fetch);
      expect(end.kind).toBe('fetch-end');
    });
    await Promise.all([publisher.close(), subscriber.close()]);
  });

  it('sends data before SETUP, and no SETUP, is held to a bound and closed on in time', async () => {
    const abuser = await bench.abuser();
    // Half a mebibyte on each stream, for a track that nobody knows.
    const data = new Uint8Array(MEBIBYTE / 2);
    data.set([0x30, 0x01, 0x01]);
    await endured({ memoryBytes: 96 * MEBIBYTE, cpuMs: 20_000 }, async () => {
      for (let i = 0; i < 60; i++) await abuser.sendInTime(false, data);
      for (let i = 0; i < 20; i++) await abuser.sendInTime(true, subscribe(2 * i));
      await eventually('refusals', () => abuser.refused.size >= 40);
      await bystanders.exchange();
      await eventually('the end', () => abuser.closed !== null);
    });
    expect(new Set(abuser.refused.values())).toEqual(new Set([EXCESSIVE_LOAD]));
    expect(abuser.closed).toMatchObject({ code: SessionTerminationCode.CONTROL_MESSAGE_TIMEOUT, remote: true });
  });
});
