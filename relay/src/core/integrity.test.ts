import { PublishDoneCode, RequestErrorCode, SHAPE_EVENT, SHAPE_STATE } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { type Authorizer, allowAnyone, requireCertificate } from './authorizer.js';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/lists/blocked');
const TTL = { ttlMs: 600_000 };

async function edge(shape: number, options: Parameters<TestWorld['relay']>[1] = {}) {
  const world = new TestWorld();
  const relay = await world.relay('edge', options);
  const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape });
  publisher.announce();
  await world.pass(10);
  const client = await world.client('edge');
  const { subscription } = client.join(TRACK);
  await world.until(() => client.of('subscribe-ok').length === 1);
  return { world, relay, publisher, client, subscription };
}

describe('payloads', () => {
  it('BUS-20, BUS-59, N015, N142, N143: random bytes pass three hops unchanged', async () => {
    const world = new TestWorld({ seed: 3 });
    for (const [host, upstreams] of [
      ['one', []],
      ['two', ['one']],
      ['three', ['two']],
    ] as const) {
      await world.relay(host, { upstreams: [...upstreams] });
    }
    await world.pass(1_000);
    const publisher = new TestPublisher(await world.client('one'), TRACK, { shape: SHAPE_EVENT });
    publisher.announce();
    const client = await world.client('three');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 5_000 });
    await world.until(() => client.of('subscribe-ok').length === 1);
    const random = world.world.randomStream('payloads');
    const payloads = Array.from({ length: 20 }, (_, index) =>
      Uint8Array.from({ length: index * 997 }, () => random.integer(256)),
    );
    payloads.forEach((payload, index) => {
      publisher.publish({ group: index + 1, payload, ...TTL });
    });
    await world.until(() => client.objects(request).length === 20);
    const received = client.objects(request).toSorted((a, b) => Number(a.group) - Number(b.group));
    received.forEach(({ payload }, index) => {
      expect(Buffer.from(payload).equals(payloads[index]!)).toBe(true);
    });
  });

  it('BUS-20, N014, N026, N027, N114: a second payload for one location makes the track malformed', async () => {
    const { world, relay, publisher, client, subscription } = await edge(SHAPE_EVENT);
    publisher.publish({ group: 1, payload: 'one', ...TTL });
    await world.pass(10);
    publisher.publish({ group: 1, payload: 'two', ...TTL });
    await world.until(() => client.of('publish-done', subscription).length === 1);
    expect(client.of('publish-done', subscription)[0]!.done.code).toBe(PublishDoneCode.MALFORMED_TRACK);
    expect(client.texts(subscription)).toEqual(['one']);
    await world.pass(10);
    expect(publisher.counts.cancelled).toBe(1);
    expect(relay.node.core.counters.malformedTracks).toBe(1);
    const group = relay.node.core.tracks.get(TRACK)!.cache.group(1)!;
    expect(new TextDecoder().decode(group.objects[0]!.payload)).toBe('one');
  });

  it('BUS-20, N119: the same object again is dropped', async () => {
    const { world, relay, publisher, client, subscription } = await edge(SHAPE_EVENT);
    const object = publisher.store({ group: 1, payload: 'one', ...TTL });
    for (let time = 0; time < 3; time++) {
      publisher.send(object, true);
      await world.pass(10);
    }
    expect(client.texts(subscription)).toEqual(['one']);
    expect(relay.node.core.counters.duplicates).toBe(2);
  });
});

describe('the cache', () => {
  it('BUS-60: stays within its bytes at every step, and keeps the newest group of the tracks in use', async () => {
    const world = new TestWorld();
    const relay = await world.relay('edge', { limits: { cacheBytesMax: 100_000 } });
    const publisher = await world.client('edge');
    const client = await world.client('edge');
    const tracks = Array.from({ length: 50 }, (_, index) => {
      const track = new TestPublisher(publisher, trackOf(`tracks/${index}`), { shape: SHAPE_STATE });
      track.announce();
      return track;
    });
    await world.pass(20);
    for (const { name } of tracks) client.join(name);
    await world.until(() => client.of('subscribe-ok').length === tracks.length);
    const { budget } = relay.node.core;
    let highest = 0;
    for (let round = 1; round <= 4; round++) {
      for (const track of tracks) {
        track.publish({ group: round, payload: 'x'.repeat(10_000), ...TTL });
        await world.until(() => {
          highest = Math.max(highest, budget.bytes);
          return relay.node.core.counters.objectsReceived >= (round - 1) * 50 + tracks.indexOf(track) + 1;
        });
      }
    }
    await world.pass(10);
    expect(highest).toBeLessThanOrEqual(100_000);
    expect(highest).toBeGreaterThan(80_000);
    expect(client.of('object')).toHaveLength(200);
    let counted = 0;
    for (const track of relay.node.core.tracks) {
      counted += track.cache.bytes;
      for (const { group } of track.cache.groups) expect(group).toBe(4);
    }
    expect(counted).toBe(budget.bytes);
  });

  it('BUS-60: history goes by bytes and by time, the newest group stays', async () => {
    const { world, relay, publisher } = await edge(SHAPE_EVENT, {
      limits: { trackHistoryBytesMax: 50_000, trackHistoryMs: 10_000 },
    });
    for (let group = 1; group <= 20; group++) publisher.publish({ group, payload: 'x'.repeat(5_000), ...TTL });
    await world.pass(20);
    const { cache } = relay.node.core.tracks.get(TRACK)!;
    expect(cache.bytes).toBeLessThanOrEqual(50_000);
    expect(cache.groups.length).toBeGreaterThan(5);
    await world.pass(10_010);
    expect(cache.groups.map(({ group }) => group)).toEqual([20]);
  });

  it('BUS-60: a restart empties it', async () => {
    const { world, relay, publisher } = await edge(SHAPE_STATE);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(10);
    relay.kill();
    expect((await world.relay('edge')).node.core.budget.objects).toBe(0);
  });

  it('a track that nobody wants and that has expired is forgotten', async () => {
    const { world, relay, publisher, client, subscription } = await edge(SHAPE_STATE, { limits: { lingerMs: 1_000 } });
    publisher.publish({ group: 1, ttlMs: 3_000 });
    await world.pass(10);
    client.cancel(subscription);
    await world.pass(1_500);
    expect(relay.node.core.tracks.size).toBe(1);
    await world.pass(1_600);
    expect(relay.node.core.tracks.size).toBe(0);
  });
});

describe('limits', () => {
  it('N325, N326, N331: of subscriptions and namespaces per session, of tracks and sessions', async () => {
    const world = new TestWorld();
    await world.relay('edge', {
      limits: { subscriptionsPerSessionMax: 2, namespacesPerSessionMax: 2, tracksMax: 3, sessionsMax: 3 },
    });
    const client = await world.client('edge');
    for (let index = 0; index < 3; index++) client.session.publishNamespace(trackOf(`n/${index}`).namespace);
    for (let index = 0; index < 3; index++) client.subscribe(trackOf(`t/${index}`), { rendezvousTimeoutMs: 60_000 });
    await world.pass(20);
    expect(client.of('request-ok')).toHaveLength(2);
    const errors = client.of('request-error').map(({ error }) => error);
    expect(errors.map(({ code }) => code)).toEqual([RequestErrorCode.EXCESSIVE_LOAD, RequestErrorCode.EXCESSIVE_LOAD]);
    expect(errors.every(({ retryIntervalMs }) => retryIntervalMs! > 0)).toBe(true);
    const other = await world.client('edge');
    for (let index = 3; index < 5; index++) other.subscribe(trackOf(`t/${index}`), { rendezvousTimeoutMs: 60_000 });
    await world.pass(20);
    expect(other.of('request-error').map(({ error }) => error.reason)).toEqual(['too many tracks']);
    await world.client('edge');
    const fourth = await world.client('edge');
    await world.until(() => fourth.of('closed').length === 1);
    expect(fourth.of('closed')[0]!.reason).toBe('relay has 3 sessions, its limit');
  });
});

describe('authorization', () => {
  it('refuses a session without a trusted certificate in one sentence', async () => {
    const world = new TestWorld();
    await world.relay('edge', { authorizer: requireCertificate });
    const stranger = await world.client('edge');
    await world.until(() => stranger.of('closed').length === 1);
    expect(stranger.of('closed')[0]).toMatchObject({ code: 0x2, remote: true });
    expect(stranger.of('closed')[0]!.reason).toMatch(
      /^relay demands a client certificate of an authority that it trusts: /,
    );
    const known = await world.client('edge', { certificate: true });
    expect(known.session.established).toBe(true);
  });

  it('N120, N125, N324: is asked for every announcement, subscription and fetch', async () => {
    const denied = { allowed: false as const, code: RequestErrorCode.UNAUTHORIZED, reason: 'not yours' };
    const authorizer: Authorizer = {
      ...allowAnyone,
      authorizePublish: (_principal, { fields }) => (fields.length > 1 ? { allowed: true } : denied),
      authorizeSubscribe: () => denied,
    };
    const world = new TestWorld();
    await world.relay('edge', { authorizer });
    const client = await world.client('edge');
    const requests = [
      client.session.publishNamespace(trackOf('short').namespace),
      client.session.trackStatus(TRACK),
      client.subscribe(TRACK),
      client.fetch({ kind: 'standalone', name: TRACK, start: { group: 0, object: 0 }, end: { group: 1, object: 0 } }),
    ];
    const allowed = client.session.publishNamespace(TRACK.namespace);
    client.pump();
    await world.until(() => client.of('request-error').length === 4);
    for (const request of requests) {
      expect(client.of('request-error', request)[0]!.error).toMatchObject({ code: 0x1, reason: 'not yours' });
    }
    expect(client.of('request-ok', allowed)).toHaveLength(1);
  });
});

describe('a drain', () => {
  it('N069, N219: sends clients away, refuses requests, and ends when they have gone', async () => {
    const { world, relay, client } = await edge(SHAPE_STATE);
    const drained = relay.node.drain(10_000);
    await world.until(() => client.of('goaway').length === 1);
    expect(client.of('goaway')[0]).toMatchObject({ newSessionUri: '', timeoutMs: 10_000 });
    const startMs = world.nowMs;
    for (const peer of [...relay.node.core.peers]) expect(peer.leaving).toBe(true);
    client.session.close(0, '');
    client.pump();
    await world.until(() => relay.node.core.peers.size === 1);
    await world.world.runUntilSettled(drained, 15_000);
    // The publisher stays, so the drain takes its whole time.
    expect(world.nowMs - startMs).toBeGreaterThan(9_900);
    expect(relay.node.core.idle).toBe(true);
  });
});
