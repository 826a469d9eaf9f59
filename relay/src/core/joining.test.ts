import { PublishDoneCode, RequestErrorCode, SHAPE_EVENT, SHAPE_MAP, SHAPE_STATE } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/lists/blocked');
const TTL = { ttlMs: 60_000 };

/** A relay with a publisher that has announced, and one subscriber that keeps the track subscribed. */
async function edgeWithPublisher(shape: number) {
  const world = new TestWorld();
  const relay = await world.relay('edge');
  const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape });
  publisher.announce();
  await world.pass(10);
  return { world, relay, publisher };
}

describe('a join', () => {
  it('N073, N130, BUS-31: gets the newest object in one round trip from the cache', async () => {
    const { world, publisher } = await edgeWithPublisher(SHAPE_STATE);
    const first = await world.client('edge');
    first.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    publisher.publish({ group: 7, payload: 'seven', ...TTL });
    await world.pass(20);
    const second = await world.client('edge');
    const startMs = world.nowMs;
    const { fetch } = second.join(TRACK);
    await world.until(() => second.objects(fetch).length === 1);
    // Links take 1 ms each way.
    expect(world.nowMs - startMs).toBeLessThanOrEqual(2.01);
    expect(publisher.counts).toMatchObject({ subscribe: 1, fetch: 1 });
  });

  it('N121, N123, N180, BUS-31: fetches what was published before the relay ever heard of the track', async () => {
    const { world, publisher } = await edgeWithPublisher(SHAPE_STATE);
    publisher.store({ group: 3, payload: 'three', ...TTL });
    const client = await world.client('edge');
    const { subscription, fetch } = client.join(TRACK);
    await world.until(() => client.of('fetch-end').length === 1);
    expect(client.texts(fetch)).toEqual(['three']);
    expect(client.of('subscribe-ok', subscription)[0]!.ok.largest).toEqual({ group: 3, object: 0 });
  });

  it('N076, BUS-32: is exactly once, whenever the publisher publishes', async () => {
    for (let offset = 0; offset <= 24; offset++) {
      const { world, publisher } = await edgeWithPublisher(SHAPE_STATE);
      const keeper = await world.client('edge');
      if (offset % 2 === 0) keeper.join(TRACK);
      await world.pass(10);
      publisher.publish({ group: 1, ...TTL });
      const client = await world.client('edge');
      const { subscription, fetch } = client.join(TRACK);
      await world.pass(offset / 4);
      for (const group of [2, 3]) publisher.publish({ group, ...TTL });
      await world.pass(50);
      publisher.publish({ group: 4, ...TTL });
      await world.pass(50);
      const all = [...client.places(fetch), ...client.places(subscription)];
      expect(all.at(-1), `offset ${offset}`).toBe('4/0');
      expect(new Set(all).size, `offset ${offset}: ${all}`).toBe(all.length);
      const groups = all.map((place) => Number(place.split('/')[0]));
      expect(groups, `offset ${offset}`).toEqual(groups.map((_, index) => groups[0]! + index));
    }
  });

  it('BUS-32: in mid-group gets the group from its start and the rest of it live', async () => {
    const { world, publisher } = await edgeWithPublisher(SHAPE_MAP);
    const keeper = await world.client('edge');
    const kept = keeper.join(TRACK);
    await world.pass(10);
    for (const object of [0, 1, 2]) publisher.publish({ group: 5, object, last: false, ...TTL });
    await world.pass(10);
    const client = await world.client('edge');
    const { subscription, fetch } = client.join(TRACK);
    await world.pass(10);
    for (const object of [3, 4]) publisher.publish({ group: 5, object, last: object === 4, ...TTL });
    publisher.publish({ group: 6, last: false, ...TTL });
    await world.pass(10);
    expect(client.places(fetch)).toEqual(['5/0', '5/1', '5/2']);
    expect(client.places(subscription)).toEqual(['5/3', '5/4', '6/0']);
    expect(keeper.places(kept.subscription)).toEqual(['5/0', '5/1', '5/2', '5/3', '5/4', '6/0']);
    expect(client.of('subgroup', subscription).map(({ header }) => header.firstObject)).toEqual([false, true]);
    // The group's stream ends for the late one too.
    expect(client.of('subgroup-end', subscription).map(({ header }) => header.group)).toEqual([5]);
  });

  it('N176, N250: waits for the subscription when it overtakes it, and is refused with it', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const client = await world.client('edge');
    const { subscription, fetch } = client.join(TRACK);
    await world.until(() => client.of('request-error').length === 2);
    expect(client.of('request-error', subscription)[0]!.error.code).toBe(RequestErrorCode.DOES_NOT_EXIST);
    expect(client.of('request-error', fetch)[0]!.error.code).toBe(RequestErrorCode.INVALID_JOINING_REQUEST_ID);
  });

  it('N249: is told that a track without objects has none', async () => {
    const { world } = await edgeWithPublisher(SHAPE_STATE);
    const client = await world.client('edge');
    const { subscription, fetch } = client.join(TRACK);
    await world.until(() => client.of('request-error').length === 1);
    expect(client.of('subscribe-ok', subscription)[0]!.ok.largest).toBeUndefined();
    expect(client.of('request-error', fetch)[0]!.error.code).toBe(RequestErrorCode.INVALID_RANGE);
  });
});

describe('a rendezvous', () => {
  it('N121, N174, BUS-33: a subscription before its publisher waits and starts with the first object', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 30_000 });
    await world.pass(5_000);
    expect(client.notices.filter(({ kind }) => kind !== 'setup')).toEqual([]);
    const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_STATE });
    publisher.announce();
    await world.until(() => client.of('subscribe-ok', request).length === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => client.objects(request).length === 1);
    expect(client.places(request)).toEqual(['1/0']);
  });

  it('BUS-33: waits over two tiers', async () => {
    const world = new TestWorld();
    await world.relay('origin');
    await world.relay('edge', { upstreams: ['origin'] });
    await world.pass(100);
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 30_000 });
    await world.pass(10_000);
    const publisher = new TestPublisher(await world.client('origin'), TRACK, { shape: SHAPE_STATE });
    publisher.announce();
    await world.until(() => client.of('subscribe-ok', request).length === 1, 1_000);
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => client.objects(request).length === 1, 1_000);
  });

  it('N175: ends with TIMEOUT at its time', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const client = await world.client('edge');
    client.subscribe(TRACK, { rendezvousTimeoutMs: 2_000 });
    const startMs = world.nowMs;
    await world.until(() => client.of('request-error').length === 1);
    expect(client.of('request-error')[0]!.error.code).toBe(RequestErrorCode.TIMEOUT);
    expect(world.nowMs - startMs).toBeGreaterThanOrEqual(2_000);
    expect(world.nowMs - startMs).toBeLessThan(2_010);
  });
});

describe('filters', () => {
  async function filtered(parameters: Parameters<Awaited<ReturnType<TestWorld['client']>>['subscribe']>[1]) {
    const { world, publisher } = await edgeWithPublisher(SHAPE_EVENT);
    const keeper = await world.client('edge');
    keeper.join(TRACK);
    await world.pass(10);
    for (const object of [0, 1]) publisher.publish({ group: 10, object, last: false, ...TTL });
    await world.pass(10);
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, parameters);
    await world.pass(10);
    publisher.publish({ group: 10, object: 2, ...TTL });
    for (const group of [11, 12, 13]) publisher.publish({ group, ...TTL });
    await world.pass(10);
    return { client, request, world, publisher };
  }

  it('N088: largest object: from the next object on', async () => {
    const { client, request } = await filtered({ filter: { kind: 'largest-object' } });
    expect(client.places(request)).toEqual(['10/2', '11/0', '12/0', '13/0']);
  });

  it('none: every object that comes', async () => {
    const { client, request } = await filtered({});
    expect(client.places(request)).toEqual(['10/2', '11/0', '12/0', '13/0']);
  });

  it('N088: next group', async () => {
    const { client, request } = await filtered({ filter: { kind: 'next-group-start' } });
    expect(client.places(request)).toEqual(['11/0', '12/0', '13/0']);
  });

  it('N088: absolute start in the future', async () => {
    const { client, request } = await filtered({ filter: { kind: 'absolute-start', start: { group: 13, object: 0 } } });
    expect(client.places(request)).toEqual(['13/0']);
  });

  it('N088: absolute range', async () => {
    const filter = { kind: 'absolute-range' as const, start: { group: 10, object: 2 }, endGroup: 12 };
    const { client, request } = await filtered({ filter });
    expect(client.places(request)).toEqual(['10/2', '11/0', '12/0']);
  });

  it('N087: a range that is over is refused', async () => {
    const filter = { kind: 'absolute-range' as const, start: { group: 1, object: 0 }, endGroup: 9 };
    const { client, request } = await filtered({ filter });
    expect(client.of('request-error', request)[0]!.error.code).toBe(RequestErrorCode.INVALID_RANGE);
  });

  it('N076, N289: forward 0 delivers nothing until an update says 1, which tells where it starts', async () => {
    const { client, request, world, publisher } = await filtered({ forward: false });
    expect(client.places(request)).toEqual([]);
    client.session.update(request, { forward: true });
    client.pump();
    await world.until(() => client.of('update-ok', request).length === 1);
    expect(client.of('update-ok', request)[0]!.ok.largest).toEqual({ group: 13, object: 0 });
    publisher.publish({ group: 14, ...TTL });
    await world.pass(10);
    expect(client.places(request)).toEqual(['14/0']);
    client.session.update(request, { forward: false });
    client.pump();
    await world.pass(10);
    publisher.publish({ group: 15, ...TTL });
    await world.pass(10);
    expect(client.places(request)).toEqual(['14/0']);
  });

  it('N078: a second subscription to the same track is refused', async () => {
    const { client, world } = await filtered({});
    const again = client.subscribe(TRACK);
    await world.until(() => client.of('request-error', again).length === 1);
    expect(client.of('request-error', again)[0]!.error.code).toBe(RequestErrorCode.DUPLICATE_SUBSCRIPTION);
  });
});

it('N269: a subscription that comes again in the same session has a fresh alias and loses nothing', async () => {
  const { world, publisher } = await edgeWithPublisher(SHAPE_STATE);
  const client = await world.client('edge');
  const other = await world.client('edge');
  const kept = other.join(TRACK);
  const first = client.join(TRACK);
  await world.pass(10);
  publisher.publish({ group: 1, ...TTL });
  await world.pass(10);
  client.cancel(first.subscription);
  const second = client.join(TRACK);
  await world.pass(10);
  publisher.publish({ group: 2, ...TTL });
  await world.pass(10);
  const [one, two] = client.of('subscribe-ok').map(({ ok }) => ok.trackAlias);
  expect(two).not.toBe(one);
  expect(client.places(second.fetch)).toEqual(['1/0']);
  expect(client.places(second.subscription)).toEqual(['2/0']);
  expect(other.places(kept.subscription)).toEqual(['1/0', '2/0']);
});

it('N238, N245: a track that its publisher ends is ended downstream', async () => {
  const { world, publisher } = await edgeWithPublisher(SHAPE_EVENT);
  const client = await world.client('edge');
  const { subscription } = client.join(TRACK);
  await world.pass(10);
  publisher.publish({ group: 1, ...TTL });
  publisher.end();
  await world.until(() => client.of('publish-done', subscription).length === 1);
  const { done } = client.of('publish-done', subscription)[0]!;
  expect(done).toMatchObject({ code: PublishDoneCode.TRACK_ENDED, streamCount: 1 });
  expect(client.places(subscription)).toEqual(['1/0']);
});
