import {
  FetchObjectEncoder,
  immutableProperties,
  type KeyValuePair,
  PropertyType,
  PublishDoneCode,
  RequestErrorCode,
  StreamResetCode,
} from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('video/camera');

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

type Scene = Awaited<ReturnType<typeof edge>>;

const gap = (type: number, value: number): { properties: KeyValuePair[] } => ({ properties: [{ type, value }] });
const groupGap = (value: number) => gap(PropertyType.PRIOR_GROUP_ID_GAP, value);
const objectGap = (value: number) => gap(PropertyType.PRIOR_OBJECT_ID_GAP, value);
const fixed = (value: number) => ({ properties: [immutableProperties([{ type: 0x3820, value }])] });

describe('N026, N027, N028: a malformed track ends visibly, and what shows it is not cached', () => {
  const cases: [string, (scene: Scene) => Promise<void>][] = [
    [
      'a Subgroup whose priority changes',
      async ({ publisher, world }) => {
        publisher.open({ group: 1 }).object(0);
        await world.pass(10);
        publisher.open({ group: 1, priority: 5, firstObject: false }).object(1);
      },
    ],
    [
      'an object behind the last one of its Subgroup',
      async ({ publisher, world }) => {
        publisher.open({ group: 1 }).object(0).fin();
        await world.pass(10);
        publisher.open({ group: 1, firstObject: false }).object(1);
      },
    ],
    [
      'a Subgroup that ends twice, differently',
      async ({ publisher, world }) => {
        const [one, two] = [publisher.open({ group: 1 }), publisher.open({ group: 1 })];
        one.object(0).object(1);
        two.object(0);
        await world.pass(10);
        one.fin();
        await world.pass(10);
        two.fin();
      },
    ],
    [
      'a Subgroup that ends before an object of it that is there',
      async ({ publisher, world }) => {
        publisher.open({ group: 1 }).object(0).object(1);
        await world.pass(10);
        publisher.open({ group: 1 }).object(0).fin();
      },
    ],
    [
      'an object behind END_OF_GROUP',
      async ({ publisher, world }) => {
        publisher.open({ group: 1 }).object(0).object(1, { status: 'end-of-group' });
        await world.pass(10);
        publisher.open({ group: 1, subgroup: 1 }).object(2);
      },
    ],
    [
      'END_OF_GROUP before an object that is there',
      async ({ publisher, world }) => {
        publisher.open({ group: 1 }).object(0).object(5);
        await world.pass(10);
        publisher.open({ group: 1, subgroup: 1 }).object(3, { status: 'end-of-group' });
      },
    ],
    [
      'an object behind a FIN that ends its group',
      async ({ publisher, world }) => {
        publisher.open({ group: 1, endOfGroup: true }).object(0).fin();
        await world.pass(10);
        publisher.open({ group: 1, subgroup: 1 }).object(1);
      },
    ],
    [
      'a FIN that ends the group before an object that is there',
      async ({ publisher, world }) => {
        publisher.open({ group: 1, subgroup: 1 }).object(5);
        await world.pass(10);
        publisher.open({ group: 1, endOfGroup: true }).object(0).fin();
      },
    ],
    [
      'an object behind END_OF_TRACK',
      async ({ publisher, world }) => {
        publisher.open({ group: 1 }).object(0).object(1, { status: 'end-of-track' });
        await world.pass(10);
        publisher.open({ group: 2 }).object(0);
      },
    ],
    [
      'END_OF_TRACK before an object that is there',
      async ({ publisher, world }) => {
        publisher.open({ group: 2 }).object(0);
        await world.pass(10);
        publisher.open({ group: 1 }).object(0, { status: 'end-of-track' });
      },
    ],
    [
      'an object that comes again with another payload',
      async ({ publisher, world }) => {
        publisher.open({ group: 1 }).object(0);
        await world.pass(10);
        publisher.open({ group: 1 }).object(0, { payload: 'other' });
      },
    ],
    [
      'an object that comes again with other immutable properties',
      async ({ publisher, world }) => {
        publisher.open({ group: 1 }).object(0, fixed(1));
        await world.pass(10);
        publisher.open({ group: 1 }).object(0, fixed(2));
      },
    ],
    [
      'an object that comes again in another Subgroup',
      async ({ publisher, world }) => {
        publisher.open({ group: 1 }).object(0);
        await world.pass(10);
        publisher.open({ group: 1, subgroup: 3 }).object(0);
      },
    ],
    [
      'an object that comes again with another forwarding preference',
      async ({ publisher, world }) => {
        publisher.open({ group: 1 }).object(0, { payload: '1/0' });
        await world.pass(10);
        publisher.datagram({ group: 1 });
      },
    ],
    [
      'an object in a declared gap of groups',
      async ({ publisher, world }) => {
        publisher.open({ group: 5 }).object(0, groupGap(2));
        await world.pass(10);
        publisher.open({ group: 4 }).object(0);
      },
    ],
    [
      'a declared gap of groups over an object that is there',
      async ({ publisher, world }) => {
        publisher.open({ group: 4 }).object(7);
        await world.pass(10);
        publisher.open({ group: 5 }).object(0, groupGap(2));
      },
    ],
    [
      'two gaps of groups in one group',
      async ({ publisher }) => {
        publisher.open({ group: 5 }).object(0, groupGap(2)).object(1, groupGap(1));
      },
    ],
    [
      'an object in a declared gap of objects',
      async ({ publisher, world }) => {
        publisher.open({ group: 5 }).object(4, objectGap(2));
        await world.pass(10);
        publisher.open({ group: 5, subgroup: 1 }).object(3);
      },
    ],
    [
      'a declared gap of objects over one that is there',
      async ({ publisher, world }) => {
        publisher.open({ group: 5 }).object(3);
        await world.pass(10);
        publisher.open({ group: 5, subgroup: 1 }).object(4, objectGap(1));
      },
    ],
    [
      'what the session itself sees: a Mandatory Track Property of an object',
      async ({ publisher }) => {
        publisher.open({ group: 1 }).object(0, gap(0x4002, 1));
      },
    ],
  ];

  it.each(cases)('%s', async (_name, play) => {
    const scene = await edge();
    const { world, relay, client, request, publisher } = scene;
    await play(scene);
    await world.until(() => client.of('publish-done', request).length === 1, 5_000);
    expect(client.of('publish-done', request)[0]!.done.code).toBe(PublishDoneCode.MALFORMED_TRACK);
    await world.pass(10);
    expect(publisher.counts.cancelled).toBe(1);
    expect(relay.node.core.counters.malformedTracks).toBe(1);
    expect(relay.node.core.tracks.get(TRACK)?.cache.groups.flatMap(({ objects }) => objects).length ?? 0).toBeLessThan(
      3,
    );
    // Whatever one publisher does to its track, its session and those of others go on.
    expect([...publisher.peer.of('closed'), ...client.of('closed')]).toEqual([]);
  });

  it('N027: a fetch that is under way is reset, a later one is answered with what was there before', async () => {
    const { world, publisher, client } = await edge();
    const body = { payload: 'x'.repeat(300_000) };
    const stream = publisher.open({ group: 1 });
    for (let id = 0; id < 8; id++) stream.object(id, body);
    await world.pass(50);
    const reader = await world.client('edge');
    world.network.link('edge', 'client-3').configure({ bytesPerSecond: 100_000 });
    const whole = {
      kind: 'standalone' as const,
      name: TRACK,
      start: { group: 1, object: 0 },
      end: { group: 1, object: 0 },
    };
    const fetch = reader.fetch(whole);
    await world.until(() => reader.of('fetch-ok', fetch).length === 1);
    publisher.open({ group: 1 }).object(0, { payload: 'other' });
    await world.until(() => reader.of('fetch-reset', fetch).length === 1, 60_000);
    expect(reader.of('fetch-reset', fetch)[0]!.code).toBe(StreamResetCode.MALFORMED_TRACK);
    await world.until(() => client.of('publish-done').length === 1);
  });

  it('N026, N027: one that a FETCH of the relay’s shows is refused too', async () => {
    const world = new TestWorld();
    const relay = await world.relay('edge');
    const publisher = new TestPublisher(await world.client('edge'), TRACK);
    publisher.announce();
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 1_000 });
    await world.until(() => client.of('subscribe-ok', request).length === 1);
    publisher.open({ group: 2 }).object(0, { payload: 'live' });
    await world.pass(10);
    publisher.store({ group: 1, object: 0 });
    publisher.store({ group: 2, object: 0, payload: 'stored' });
    const range = { start: { group: 1, object: 0 }, end: { group: 2, object: 0 } };
    const fetch = client.fetch({ kind: 'standalone', name: TRACK, ...range });
    await world.until(() => client.of('publish-done', request).length === 1);
    expect(client.of('publish-done', request)[0]!.done.code).toBe(PublishDoneCode.MALFORMED_TRACK);
    expect(relay.node.core.counters.malformedTracks).toBe(1);
    expect(client.of('fetch-end', fetch)).toEqual([]);
  });
});

describe('a fetch stream that names one object twice', () => {
  /** A publisher that answers a FETCH of two objects with two copies of one. */
  async function twice(second: string) {
    const world = new TestWorld();
    const relay = await world.relay('edge');
    const publisher = await world.client('edge');
    publisher.onNotice = ({ kind, ...notice }) => {
      if (kind !== 'fetch' || !('request' in notice) || notice.request === null) return;
      const { session } = publisher;
      session.acceptFetch(notice.request, { endOfTrack: false, end: { group: 1, object: 1 } });
      const stream = session.openFetch(notice.request, 128);
      const copies = ['one', second].map((payload) => {
        const object = { group: 1, object: 0, subgroup: 0, status: 'normal' as const, priority: 128 };
        const bytes = new TextEncoder().encode(payload);
        return new FetchObjectEncoder('ascending').object({ ...object, properties: new Uint8Array(0), payload: bytes });
      });
      session.writeData(stream, copies[0]!, false);
      // Flags with an Object ID Delta of 0 instead of a Group ID and an Object ID.
      session.writeData(stream, Uint8Array.of(0x04, 0, ...copies[1]!.subarray(4)), true);
    };
    publisher.session.publishNamespace(TRACK.namespace);
    publisher.pump();
    await world.pass(10);
    const client = await world.client('edge');
    const range = { start: { group: 1, object: 0 }, end: { group: 1, object: 1 } };
    const fetch = client.fetch({ kind: 'standalone', name: TRACK, ...range });
    await world.until(
      () =>
        client.of('fetch-end', fetch).length +
          client.of('request-error', fetch).length +
          client.of('fetch-reset', fetch).length >
        0,
    );
    return { client, fetch, relay };
  }

  it('N119: with the same payload is answered once', async () => {
    const { client, fetch, relay } = await twice('one');
    expect(client.texts(fetch)).toEqual(['one']);
    expect(relay.node.core.counters.malformedTracks).toBe(0);
  });

  it('N026: with another one is malformed', async () => {
    const { client, fetch, relay } = await twice('two');
    expect(client.of('fetch-end', fetch)).toEqual([]);
    expect(relay.node.core.counters.malformedTracks).toBe(1);
  });
});

describe('what is no contradiction', () => {
  it('N119: a copy without what a relay before has dropped, and one with other mutable properties', async () => {
    const { world, publisher, client, request, relay } = await edge();
    const mutable = (value: number) => ({ type: 0x3900, value });
    publisher.open({ group: 1 }).object(0, { properties: [mutable(1), ...fixed(1).properties] });
    await world.pass(10);
    publisher.open({ group: 1 }).object(0);
    publisher.open({ group: 1 }).object(0, { properties: [mutable(2), ...fixed(1).properties] });
    await world.pass(10);
    expect(client.places(request)).toEqual(['1/0']);
    expect(client.of('publish-done')).toEqual([]);
    expect(relay.node.core.counters.duplicates).toBe(2);
  });

  it('N031, N032: the newest set of properties takes the place of the cached one', async () => {
    const { world, publisher, client } = await edge();
    const with_ = (...types: number[]) => ({ properties: types.map((type) => ({ type, value: 1 })) });
    publisher.open({ group: 1 }).object(0, with_(0x3900, 0x3902));
    await world.pass(10);
    publisher.open({ group: 1 }).object(0, with_(0x3904));
    await world.pass(10);
    const range = { start: { group: 1, object: 0 }, end: { group: 1, object: 0 } };
    const fetch = client.fetch({ kind: 'standalone', name: TRACK, ...range });
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    const { properties } = client.objects(fetch)[0]!;
    expect([...properties]).toEqual([...(await sentAlone(with_(0x3904)))]);
  });

  it('N115: an object that a FETCH has shown not to exist is neither cached nor forwarded', async () => {
    const { world, publisher, client, request, relay } = await edge();
    publisher.store({ group: 5, object: 0 });
    publisher.store({ group: 5, object: 4 });
    publisher.open({ group: 6 }).object(0);
    await world.pass(10);
    const range = { start: { group: 5, object: 0 }, end: { group: 5, object: 5 } };
    const fetch = client.fetch({ kind: 'standalone', name: TRACK, ...range });
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    expect(client.places(fetch)).toEqual(['5/0', '5/4']);
    publisher.open({ group: 5, subgroup: 1 }).object(2);
    await world.pass(20);
    expect(client.places(request)).toEqual(['6/0']);
    expect(client.of('publish-done')).toEqual([]);
    expect(relay.node.core.tracks.get(TRACK)!.cache.group(5)!.objects).toHaveLength(2);
  });
});

async function sentAlone(options: { properties: KeyValuePair[] }): Promise<Uint8Array> {
  const { world, publisher, client, request } = await edge();
  publisher.open({ group: 1 }).object(0, options);
  await world.until(() => client.objects(request).length === 1);
  return client.objects(request)[0]!.properties;
}

describe('the end of a track', () => {
  it('N179, N253: FETCH_OK tells of it, and that the last object is the end', async () => {
    const { world, publisher, client } = await edge();
    publisher.open({ group: 1 }).object(0).object(1).object(2, { status: 'end-of-track' }).fin();
    await world.pass(10);
    const range = { start: { group: 1, object: 0 }, end: { group: 9, object: 0 } };
    const fetch = client.fetch({ kind: 'standalone', name: TRACK, ...range });
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    expect(client.of('fetch-ok', fetch)[0]!.ok).toMatchObject({ endOfTrack: true, end: { group: 1, object: 2 } });
    const late = await world.client('edge');
    late.subscribe(TRACK);
    await world.until(() => late.of('subscribe-ok').length === 1);
    expect(late.of('subscribe-ok')[0]!.ok.largest).toEqual({ group: 1, object: 2 });
    const part = client.fetch({ kind: 'standalone', name: TRACK, start: range.start, end: { group: 1, object: 1 } });
    await world.until(() => client.of('fetch-end', part).length === 1);
    expect(client.of('fetch-ok', part)[0]!.ok).toMatchObject({ endOfTrack: false, end: { group: 1, object: 1 } });
    const behind = client.fetch({ kind: 'standalone', name: TRACK, start: range.end, end: range.end });
    await world.until(() => client.of('request-error', behind).length === 1);
    expect(client.of('request-error', behind)[0]!.error.code).toBe(RequestErrorCode.INVALID_RANGE);
  });
});
