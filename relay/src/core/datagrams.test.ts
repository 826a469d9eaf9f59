import { SHAPE_EVENT } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/gslb/events');

async function edge() {
  const world = new TestWorld();
  const relay = await world.relay('edge');
  const publisher = new TestPublisher(await world.client('edge'), TRACK);
  publisher.announce();
  await world.pass(10);
  const client = await world.client('edge');
  const request = client.subscribe(TRACK);
  await world.until(() => client.of('subscribe-ok', request).length === 1);
  return { world, relay, publisher, client, request };
}

describe('object datagrams', () => {
  it('N141, N272: are forwarded as datagrams, unchanged, to everyone whose filter they pass', async () => {
    const { world, publisher, client, request } = await edge();
    const late = await world.client('edge');
    const filtered = late.subscribe(TRACK, { filter: { kind: 'absolute-start', start: { group: 2, object: 0 } } });
    const paused = await world.client('edge');
    const none = paused.subscribe(TRACK, { forward: false });
    await world.until(() => late.of('subscribe-ok').length === 1 && paused.of('subscribe-ok').length === 1);
    publisher.datagram({ group: 1, payload: 'one' });
    publisher.datagram({ group: 2, object: 7, payload: '', endOfGroup: true });
    await world.pass(10);
    expect(client.of('datagram').map(({ object, endOfGroup }) => [object, endOfGroup])).toMatchObject([
      [{ group: 1, object: 0, subgroup: null, status: 'normal', priority: 100 }, false],
      [{ group: 2, object: 7, subgroup: null, status: 'normal', priority: 100 }, true],
    ]);
    expect(client.texts(request)).toEqual(['one', '']);
    expect([late.places(filtered), paused.places(none)]).toEqual([['2/7'], []]);
  });

  it.each(['end-of-group', 'end-of-track'] as const)(
    'N274: the status %s passes too, and is remembered',
    async (status) => {
      const { world, relay, publisher, client } = await edge();
      publisher.datagram({ group: 1, payload: 'one' });
      publisher.datagram({ group: 1, object: 1, status });
      await world.pass(10);
      expect(client.of('datagram').map(({ object }) => object.status)).toEqual(['normal', status]);
      const group = relay.node.core.tracks.get(TRACK)!.cache.group(1)!;
      expect([group.objects.length, group.finalObject]).toEqual([2, 1]);
    },
  );

  it('N118, N119: an object that two publishers send is forwarded once', async () => {
    const { world, publisher, client, request, relay } = await edge();
    const second = new TestPublisher(await world.client('edge'), TRACK);
    second.announce();
    await world.until(() => second.subscribed === 1);
    for (const one of [publisher, second]) one.datagram({ group: 1 });
    await world.pass(10);
    expect(client.places(request)).toEqual(['1/0']);
    expect(relay.node.core.counters.duplicates).toBe(1);
  });

  it('N114, N116, N302: are cached with their forwarding preference, and fetched with it', async () => {
    const { world, publisher, client } = await edge();
    publisher.datagram({ group: 1, payload: 'one' });
    publisher.publish({ group: 2, payload: 'two' });
    await world.pass(10);
    const fetch = client.fetch({
      kind: 'standalone',
      name: TRACK,
      start: { group: 1, object: 0 },
      end: { group: 2, object: 0 },
    });
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    expect(client.objects(fetch).map(({ group, subgroup }) => [group, subgroup])).toEqual([
      [1, null],
      [2, 0],
    ]);
    // The same object in a Subgroup contradicts it.
    publisher.publish({ group: 1, payload: 'one' });
    await world.until(() => client.of('publish-done').length === 1);
  });

  it('one that is too large for the next hop is lost, and nothing else', async () => {
    const { world, publisher, client, request } = await edge();
    publisher.datagram({ group: 1, payload: 'x'.repeat(100_000) });
    publisher.datagram({ group: 2 });
    await world.pass(10);
    expect(client.places(request)).toEqual(['2/0']);
  });

  it('of a track that nobody has accepted yet are not kept for later', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_EVENT });
    publisher.offer();
    const client = await world.client('edge');
    client.session.subscribeTracks(TRACK.namespace);
    client.pump();
    await world.until(() => client.of('publish').length === 1 && publisher.subscribed === 1);
    publisher.datagram({ group: 1 });
    await world.pass(10);
    const { request } = client.of('publish')[0]!;
    client.session.acceptPublish(request);
    client.pump();
    await world.pass(10);
    publisher.datagram({ group: 2 });
    await world.pass(10);
    expect(client.places(request)).toEqual(['2/0']);
  });
});
