import { type Notice, RequestErrorCode, type RequestErrorInfo } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import type { TestPeer } from './testing/test-peer.js';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('video/camera');
const WHOLE = {
  kind: 'standalone' as const,
  name: TRACK,
  start: { group: 0, object: 0 },
  end: { group: 9, object: 0 },
};

/** A publisher that has announced, and answers everything with the error. */
async function refusing(error: RequestErrorInfo) {
  const world = new TestWorld();
  await world.relay('edge');
  const publisher = await world.client('edge');
  publisher.onNotice = (notice: Notice) => {
    if (notice.kind === 'subscribe' || notice.kind === 'fetch' || notice.kind === 'track-status') {
      publisher.session.reject(notice.request, error);
    }
  };
  publisher.session.publishNamespace(TRACK.namespace);
  publisher.pump();
  await world.pass(10);
  return { world, publisher, client: await world.client('edge') };
}

function ask(client: TestPeer): number[] {
  const requests = [client.subscribe(TRACK, { rendezvousTimeoutMs: 60_000 }), client.fetch(WHOLE)];
  requests.push(client.session.trackStatus(TRACK));
  client.pump();
  return requests;
}

describe('what a publisher refuses', () => {
  it('a redirect to another name is passed on as it is', async () => {
    const redirect = { connectUri: '', name: trackOf('video/other') };
    const error = { code: RequestErrorCode.REDIRECT, reason: 'elsewhere', retryIntervalMs: null, redirect };
    const { world, publisher, client } = await refusing(error);
    const requests = ask(client);
    await world.until(() => client.of('request-error').length === requests.length, 5_000);
    for (const request of requests) {
      expect(client.of('request-error', request)[0]!.error).toMatchObject({
        code: RequestErrorCode.REDIRECT,
        redirect,
      });
    }
    expect(publisher.of('closed')).toEqual([]);
  });

  it('a redirect of an upstream to another place is passed on, and not followed by the relay itself', async () => {
    const world = new TestWorld();
    const edge = await world.relay('edge', { upstreams: ['origin'] });
    const upstream = await world.server('origin');
    const redirect = { connectUri: 'moqt://elsewhere:4443/', name: TRACK };
    upstream.onNotice = (notice) => {
      if (notice.kind !== 'subscribe' && notice.kind !== 'fetch' && notice.kind !== 'track-status') return;
      const error = { code: RequestErrorCode.REDIRECT, reason: 'elsewhere', retryIntervalMs: null, redirect };
      upstream.session.reject(notice.request, error);
    };
    const client = await world.client('edge');
    const requests = ask(client);
    await world.until(() => client.of('request-error').length === requests.length, 5_000);
    for (const request of requests) {
      expect(client.of('request-error', request)[0]!.error).toMatchObject({
        code: RequestErrorCode.REDIRECT,
        redirect,
      });
    }
    expect(edge.node.core.counters).toMatchObject({ upstreamConnects: 1, upstreamLosses: 0 });
  });

  it('N339: an error code that nobody knows is passed on', async () => {
    const { world, client } = await refusing({ code: 0x7777, reason: 'new', retryIntervalMs: null });
    const request = client.subscribe(TRACK);
    await world.until(() => client.of('request-error', request).length === 1);
    expect(client.of('request-error', request)[0]!.error).toMatchObject({ code: 0x7777, reason: 'new' });
  });

  it('N037, N038, N039, N040: a Mandatory Track Property that is not understood is refused here too, at once', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const properties = [{ type: 0x4002, value: 1 }];
    const publisher = new TestPublisher(await world.client('edge'), TRACK, { properties });
    publisher.store({ group: 1 });
    publisher.announce();
    await world.pass(10);
    const client = await world.client('edge');
    const requests = [client.subscribe(TRACK, { rendezvousTimeoutMs: 60_000 }), client.fetch(WHOLE)];
    await world.until(() => client.of('request-error').length === 2, 2_000);
    for (const request of requests) {
      expect(client.of('request-error', request)[0]!.error.code).toBe(RequestErrorCode.UNSUPPORTED_EXTENSION);
    }
    expect(client.of('fetch-object')).toEqual([]);
    expect(publisher.peer.of('closed')).toEqual([]);
  });
});

describe('TRACK_STATUS', () => {
  it('is answered from what is known, else by the publisher, a PUBLISH included', async () => {
    const world = new TestWorld();
    const relay = await world.relay('edge');
    const publisher = new TestPublisher(await world.client('edge'), TRACK, {
      properties: [{ type: 0x3900, value: 7 }],
    });
    publisher.offer();
    await world.pass(10);
    publisher.store({ group: 4, object: 2 });
    const { peer } = publisher;
    const before = peer.onNotice;
    peer.onNotice = (notice) => {
      before(notice);
      if (notice.kind !== 'track-status') return;
      const largest = { group: 4, object: 2 };
      peer.session.acceptRequest(notice.request, { largest, trackProperties: publisher.trackProperties });
    };
    const client = await world.client('edge');
    const request = client.session.trackStatus(TRACK);
    client.pump();
    await world.until(() => client.of('request-ok', request).length === 1);
    // N140, N179: the properties and the Largest Location of the track are part of the answer.
    expect(client.of('request-ok', request)[0]!.ok).toEqual({
      largest: { group: 4, object: 2 },
      trackProperties: publisher.trackProperties,
    });
    expect(relay.node.core.counters.upstreamSubscribes).toBe(0);
  });
});
