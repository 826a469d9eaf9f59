import { type FetchRange, RequestErrorCode, SHAPE_EVENT, VI64_MAX } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/gslb/events');
const TTL = { ttlMs: 600_000 };

function range(start: [number, number], end: [number, number]): FetchRange {
  const [group, object] = start;
  return { kind: 'standalone', name: TRACK, start: { group, object }, end: { group: end[0], object: end[1] } };
}

/** Groups 1 to 3 of two objects each, of which the relay has seen what comes after `cachedFrom`. */
async function edge(cachedFrom = 1, options: Parameters<TestWorld['relay']>[1] = {}) {
  const world = new TestWorld();
  const relay = await world.relay('edge', options);
  const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_EVENT });
  publisher.announce();
  await world.pass(10);
  const keeper = await world.client('edge');
  for (let group = 1; group <= 3; group++) {
    if (group === cachedFrom) {
      keeper.join(TRACK);
      await world.until(() => keeper.of('subscribe-ok').length === 1);
    }
    for (const object of [0, 1]) {
      if (group < cachedFrom) publisher.store({ group, object, ...TTL });
      else publisher.publish({ group, object, last: object === 1, ...TTL });
    }
  }
  await world.pass(20);
  const client = await world.client('edge');
  const run = async (wish: FetchRange, parameters = {}) => {
    const fetch = client.fetch(wish, parameters);
    await world.until(
      () => client.of('fetch-end', fetch).length === 1 || client.of('request-error', fetch).length === 1,
      20_000,
    );
    return fetch;
  };
  return { world, relay, publisher, keeper, client, run };
}

describe('a fetch from the cache', () => {
  it('N254: is ascending by default, up to the largest object', async () => {
    const { client, run, publisher } = await edge();
    const fetch = await run(range([1, 0], [9, 0]));
    expect(client.places(fetch)).toEqual(['1/0', '1/1', '2/0', '2/1', '3/0', '3/1']);
    expect(client.of('fetch-ok', fetch)[0]!.ok).toMatchObject({ endOfTrack: false, end: { group: 3, object: 2 } });
    expect(client.of('fetch-range-end', fetch)).toEqual([]);
    // The joining one of the subscription is the only one that the publisher saw.
    expect(publisher.counts.fetch).toBe(1);
  });

  it('N254: may be descending by groups, ascending inside', async () => {
    const { client, run } = await edge();
    const fetch = await run(range([1, 0], [9, 0]), { groupOrder: 'descending' });
    expect(client.places(fetch)).toEqual(['3/0', '3/1', '2/0', '2/1', '1/0', '1/1']);
  });

  it('covers part of groups at both ends', async () => {
    const { client, run } = await edge();
    expect(client.places(await run(range([1, 1], [3, 1])))).toEqual(['1/1', '2/0', '2/1', '3/0']);
    const descending = await run(range([1, 1], [3, 1]), { groupOrder: 'descending' });
    expect(client.places(descending)).toEqual(['3/0', '2/0', '2/1', '1/1']);
  });

  it('by relative and absolute join', async () => {
    const { client, run, world } = await edge();
    const subscription = client.subscribe(TRACK, { filter: { kind: 'largest-object' } });
    await world.until(() => client.of('subscribe-ok').length === 1);
    const relative = await run({ kind: 'relative-joining', subscription, groupsBack: 1 });
    expect(client.places(relative)).toEqual(['2/0', '2/1', '3/0', '3/1']);
    const further = await run({ kind: 'relative-joining', subscription, groupsBack: 7 });
    expect(client.places(further)).toEqual(['1/0', '1/1', '2/0', '2/1', '3/0', '3/1']);
    const absolute = await run({ kind: 'absolute-joining', subscription, startGroup: 3 });
    expect(client.places(absolute)).toEqual(['3/0', '3/1']);
    const ahead = await run({ kind: 'absolute-joining', subscription, startGroup: 4 });
    expect(client.of('request-error', ahead)[0]!.error.code).toBe(RequestErrorCode.INVALID_RANGE);
  });

  it('N253: behind the largest object is refused', async () => {
    const { client, run } = await edge();
    const fetch = await run(range([4, 0], [9, 0]));
    expect(client.of('request-error', fetch)[0]!.error.code).toBe(RequestErrorCode.INVALID_RANGE);
  });

  it('BUS-61: pauses while the receiver has much outstanding', async () => {
    const { world, relay, publisher, client } = await edge(1, { limits: { fetchBacklogBytes: 50_000 } });
    for (let group = 4; group <= 30; group++) publisher.publish({ group, payload: 'x'.repeat(20_000), ...TTL });
    await world.pass(50);
    world.network.link('edge', 'client-3').configure({ bytesPerSecond: 200_000 });
    const receiver = [...relay.node.core.peers].at(-1)!;
    const fetch = client.fetch(range([1, 0], [99, 0]));
    let backlogMax = 0;
    await world.until(() => {
      backlogMax = Math.max(backlogMax, receiver.connection.backlogBytes() + receiver.port.waitingBytes());
      return client.of('fetch-end', fetch).length === 1;
    }, 30_000);
    expect(client.objects(fetch)).toHaveLength(33);
    // The limit, and the object that passes it.
    expect(backlogMax).toBeLessThan(50_000 + 21_000);
  });
});

describe('a fetch of what the cache lacks', () => {
  it('N122, N251: asks upstream once, and then knows', async () => {
    const { client, run, publisher } = await edge(3);
    const fetch = await run(range([1, 0], [9, 0]));
    expect(client.places(fetch)).toEqual(['1/0', '1/1', '2/0', '2/1', '3/0', '3/1']);
    expect(client.of('fetch-range-end', fetch)).toEqual([]);
    expect(publisher.counts.fetch).toBe(2);
    await run(range([1, 0], [9, 0]));
    expect(publisher.counts.fetch).toBe(2);
  });

  it('N173: answers from the cache at once with FILL_TIMEOUT 0, and tells what is unknown', async () => {
    const { client, run, publisher } = await edge(3);
    const ascending = await run(range([0, 0], [9, 0]), { fillTimeoutMs: 0 });
    expect(client.places(ascending)).toEqual(['2/0', '2/1', '3/0', '3/1']);
    expect(client.of('fetch-range-end', ascending)).toMatchObject([
      { end: { group: 1, object: VI64_MAX }, unknown: true },
      // The relay has not been told that group 2 has no more.
      { end: { group: 2, object: VI64_MAX }, unknown: true },
    ]);
    const descending = await run(range([0, 0], [9, 0]), { fillTimeoutMs: 0, groupOrder: 'descending' });
    expect(client.places(descending)).toEqual(['3/0', '3/1', '2/0', '2/1']);
    expect(client.of('fetch-range-end', descending)).toMatchObject([
      { end: { group: 2, object: VI64_MAX }, unknown: true },
      { end: { group: 0, object: VI64_MAX }, unknown: true },
    ]);
    expect(publisher.counts.fetch).toBe(1);
  });

  it('of groups that are history for long brings them, and they stay while it goes on', async () => {
    const { world, client, run, publisher, relay } = await edge(1, {
      limits: { trackHistoryMs: 1_000, trackHistoryBytesMax: 1_500 },
    });
    for (let group = 4; group <= 9; group++) publisher.publish({ group, payload: 'x'.repeat(500), ...TTL });
    await world.pass(5_000);
    const { cache } = relay.node.core.tracks.get(TRACK)!;
    expect(cache.groups).toHaveLength(1);
    const fetch = await run(range([1, 0], [9, 0]));
    expect(client.places(fetch)).toHaveLength(12);
    expect(client.of('fetch-range-end', fetch)).toEqual([]);
    expect(cache.bytes).toBeLessThan(2_500);
  });

  it('N172: does not wait longer than FILL_TIMEOUT', async () => {
    const { world, client, run } = await edge(3);
    world.network.partition('edge', 'client-1');
    const startMs = world.nowMs;
    const fetch = await run(range([0, 0], [9, 0]), { fillTimeoutMs: 700 });
    expect(client.places(fetch)).toEqual(['2/0', '2/1', '3/0', '3/1']);
    expect(world.nowMs - startMs).toBeGreaterThanOrEqual(700);
    expect(world.nowMs - startMs).toBeLessThan(720);
  });

  it('N089, N255: of a track without a subscription goes upstream', async () => {
    const world = new TestWorld();
    await world.relay('origin');
    const edge = await world.relay('edge', { upstreams: ['origin'] });
    const publisher = new TestPublisher(await world.client('origin'), TRACK, { shape: SHAPE_EVENT });
    publisher.announce();
    for (const group of [1, 2]) publisher.store({ group, ...TTL });
    await world.until(() => edge.node.core.links.connected);
    const client = await world.client('edge');
    const fetch = client.fetch(range([0, 0], [9, 0]));
    await world.until(() => client.of('fetch-end', fetch).length === 1, 10_000);
    expect(client.places(fetch)).toEqual(['1/0', '2/0']);
    expect(client.of('fetch-ok', fetch)[0]!.ok.end).toEqual({ group: 2, object: 1 });
    expect(publisher.counts).toMatchObject({ subscribe: 0, fetch: 1 });
  });

  it('of a track that nobody has is refused', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const client = await world.client('edge');
    const fetch = client.fetch(range([0, 0], [9, 0]));
    await world.until(() => client.of('request-error', fetch).length === 1);
    expect(client.of('request-error', fetch)[0]!.error.code).toBe(RequestErrorCode.DOES_NOT_EXIST);
  });
});
