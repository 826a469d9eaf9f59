import { PropertyType, PublishDoneCode, StreamResetCode } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import type { RelayLimits } from './limits.js';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('video/camera');
const KIB = 1024;

interface Setting {
  readonly properties?: { type: number; value: number }[];
  readonly limits?: Partial<RelayLimits>;
  readonly parameters?: Parameters<Awaited<ReturnType<TestWorld['client']>>['subscribe']>[1];
}

/** A subscriber behind a link of 100 KB/s. */
async function slow({ properties = [], limits = {}, parameters = {} }: Setting) {
  const world = new TestWorld();
  const relay = await world.relay('edge', { limits });
  const publisher = new TestPublisher(await world.client('edge'), TRACK, { properties });
  publisher.announce();
  await world.pass(10);
  const client = await world.client('edge');
  world.network.link('edge', 'client-2').configure({ bytesPerSecond: 100_000 });
  const request = client.subscribe(TRACK, parameters);
  await world.until(() => client.of('subscribe-ok', request).length === 1);
  return { world, relay, publisher, client, request };
}

/** Groups in the order in which they came whole. */
const groupsOf = (client: Awaited<ReturnType<TestWorld['client']>>, request: number) =>
  client.objects(request).map(({ group }) => Number(group));

describe('SUBGROUP_DELIVERY_TIMEOUT', () => {
  it.each([
    ['of the subscriber', { parameters: { subgroupDeliveryTimeoutMs: 300 } }],
    ['of the publisher', { properties: [{ type: PropertyType.SUBGROUP_DELIVERY_TIMEOUT, value: 300 }] }],
    [
      'the smaller of both',
      {
        parameters: { subgroupDeliveryTimeoutMs: 5_000 },
        properties: [{ type: PropertyType.SUBGROUP_DELIVERY_TIMEOUT, value: 300 }],
      },
    ],
  ])('N112, N113: %s resets a Subgroup that is not through so long after its end', async (_whose, setting) => {
    const { world, publisher, client, request } = await slow(setting);
    publisher.publish({ group: 1, payload: 'x'.repeat(10 * KIB) });
    publisher.publish({ group: 2, payload: 'x'.repeat(100 * KIB) });
    await world.pass(3_000);
    expect(client.places(request)).toEqual(['1/0']);
    expect(client.of('subgroup-reset', request).map(({ header, code }) => [header.group, code])).toEqual([
      [2, StreamResetCode.DELIVERY_TIMEOUT],
    ]);
    publisher.publish({ group: 3 });
    await world.until(() => client.places(request).includes('3/0'), 5_000);
  });

  it('0 means none, and none is the default', async () => {
    const { world, publisher, client, request } = await slow({ parameters: { subgroupDeliveryTimeoutMs: 0 } });
    publisher.publish({ group: 1, payload: 'x'.repeat(300 * KIB) });
    await world.until(() => client.objects(request).length === 1, 10_000);
  });

  it('PUBLISH_DONE counts the streams of such a subscription too', async () => {
    const { world, publisher, client, request } = await slow({ parameters: { subgroupDeliveryTimeoutMs: 1_000 } });
    for (const group of [1, 2, 3]) publisher.publish({ group });
    await world.pass(50);
    publisher.end();
    await world.until(() => client.of('publish-done', request).length === 1);
    expect(client.of('publish-done', request)[0]!.done).toMatchObject({
      code: PublishDoneCode.TRACK_ENDED,
      streamCount: 3,
    });
  });

  it('an update may set it, and what comes from then on obeys it', async () => {
    const { world, publisher, client, request } = await slow({});
    client.session.update(request, { subgroupDeliveryTimeoutMs: 300 });
    client.pump();
    await world.until(() => client.of('update-ok', request).length === 1);
    publisher.publish({ group: 1, payload: 'x'.repeat(100 * KIB) });
    await world.pass(3_000);
    expect(client.places(request)).toEqual([]);
    expect(client.of('subgroup-reset', request)).toHaveLength(1);
  });
});

describe('OBJECT_DELIVERY_TIMEOUT', () => {
  it.each([
    ['of the publisher', { properties: [{ type: PropertyType.OBJECT_DELIVERY_TIMEOUT, value: 500 }] }],
    ['of the subscriber', { parameters: { objectDeliveryTimeoutMs: 500 } }],
  ])(
    'N107, N108: %s leaves out what the relay could not hand on in time, and nothing else',
    async (_whose, setting) => {
      const { world, publisher, client, request } = await slow({
        ...setting,
        limits: { subscriptionBacklogBytes: 32 * KIB },
      });
      for (let group = 1; group <= 4; group++) publisher.publish({ group, payload: 'x'.repeat(100 * KIB) });
      await world.pass(6_000);
      publisher.publish({ group: 5 });
      await world.pass(1_000);
      // The first is with the transport already, the others wait for more than a second.
      expect(groupsOf(client, request)).toEqual([1, 5]);
    },
  );
});

describe('Group order', () => {
  const many = async (setting: Setting) => {
    const { world, publisher, client, request } = await slow({
      limits: { subscriptionBacklogBytes: 32 * KIB, conflationBacklogBytes: 32 * KIB },
      ...setting,
    });
    for (let group = 1; group <= 6; group++) {
      publisher.publish({ group, payload: 'x'.repeat(100 * KIB) });
      await world.pass(50);
    }
    await world.until(() => client.objects(request).length === 6, 20_000);
    return groupsOf(client, request);
  };

  it('N102: ascending, which is the default, sends the oldest first', async () => {
    expect(await many({})).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('N102: descending sends the newest of those that wait first', async () => {
    const groups = await many({ parameters: { groupOrder: 'descending' } });
    expect(groups[0]).toBe(1);
    expect(groups.slice(1)).toEqual([6, 5, 4, 3, 2]);
  });

  it('N102: the publisher’s preference counts where the subscriber states none, and the subscriber’s otherwise', async () => {
    const properties = [{ type: PropertyType.DEFAULT_PUBLISHER_GROUP_ORDER, value: 2 }];
    expect((await many({ properties }))[1]).toBe(6);
    expect((await many({ properties, parameters: { groupOrder: 'ascending' } }))[1]).toBe(2);
  });
});

describe('priorities', () => {
  it('N102, N104, N144: the subscriber’s counts before the publisher’s, for fetches too', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const peer = await world.client('edge');
    const [urgent, bulk] = [new TestPublisher(peer, trackOf('urgent')), new TestPublisher(peer, trackOf('bulk'))];
    for (const publisher of [urgent, bulk]) publisher.announce();
    await world.pass(10);
    const keeper = await world.client('edge');
    keeper.subscribe(bulk.name);
    const client = await world.client('edge');
    const request = client.subscribe(urgent.name, { subscriberPriority: 10 });
    await world.until(() => client.of('subscribe-ok').length === 1 && bulk.subscribed === 1);
    bulk.publish({ group: 1, payload: 'x'.repeat(200 * KIB) });
    await world.pass(20);
    world.network.link('edge', 'client-3').configure({ bytesPerSecond: 100_000 });
    const fetch = client.fetch(
      { kind: 'standalone', name: bulk.name, start: { group: 1, object: 0 }, end: { group: 1, object: 0 } },
      { subscriberPriority: 20 },
    );
    await world.pass(100);
    urgent.publish({ group: 1, payload: 'x'.repeat(20 * KIB) });
    await world.until(() => client.objects(request).length === 1, 1_000);
    expect(client.objects(fetch)).toEqual([]);
    await world.until(() => client.objects(fetch).length === 1, 10_000);
  });

  it('N103: answers to requests go before objects of whatever priority', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const publisher = new TestPublisher(await world.client('edge'), TRACK);
    publisher.announce();
    await world.pass(10);
    const client = await world.client('edge');
    world.network.link('edge', 'client-2').configure({ bytesPerSecond: 100_000 });
    const request = client.subscribe(TRACK, { subscriberPriority: 0 });
    await world.until(() => client.of('subscribe-ok', request).length === 1);
    publisher.publish({ group: 1, payload: 'x'.repeat(300 * KIB) });
    await world.pass(50);
    const status = client.session.trackStatus(TRACK);
    client.pump();
    await world.until(() => client.of('request-ok', status).length === 1, 500);
    expect(client.objects(request)).toEqual([]);
  });

  it('N101: a change moves the streams that are open, with what waits on them', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const peer = await world.client('edge');
    const [first, second] = [new TestPublisher(peer, trackOf('first')), new TestPublisher(peer, trackOf('second'))];
    for (const publisher of [first, second]) publisher.announce();
    await world.pass(10);
    const client = await world.client('edge');
    const requests = [first, second].map(({ name }) => client.subscribe(name));
    await world.until(() => client.of('subscribe-ok').length === 2);
    world.network.link('edge', 'client-2').configure({ bytesPerSecond: 100_000 });
    first.publish({ group: 1, payload: 'x'.repeat(200 * KIB) });
    await world.pass(20);
    second.open({ group: 1 }).object(0, { payload: 'x'.repeat(20 * KIB) });
    await world.pass(20);
    client.session.update(requests[1]!, { subscriberPriority: 1 });
    client.pump();
    await world.until(() => client.objects(requests[1]!).length === 1, 1_500);
    expect(client.objects(requests[0]!)).toEqual([]);
    await world.until(() => client.objects(requests[0]!).length === 1, 10_000);
  });

  it('N105, N133: of a subscriber, its order and its timeouts are not passed upstream', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const publisher = new TestPublisher(await world.client('edge'), TRACK);
    publisher.announce();
    await world.pass(10);
    const client = await world.client('edge');
    client.subscribe(TRACK, {
      ...{ subscriberPriority: 3, groupOrder: 'descending', forward: false },
      ...{ objectDeliveryTimeoutMs: 5, subgroupDeliveryTimeoutMs: 6 },
    });
    await world.until(() => publisher.peer.of('subscribe').length === 1);
    // N117, N170, N171: as if nobody but the relay itself wanted it.
    expect(publisher.peer.of('subscribe')[0]!.parameters).toEqual({ filter: { kind: 'largest-object' } });
  });
});
