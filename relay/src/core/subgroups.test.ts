import { StreamResetCode } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('video/camera');

/** Two publishers of one track, and a subscriber. */
async function edge() {
  const world = new TestWorld();
  const relay = await world.relay('edge');
  const publishers = [
    new TestPublisher(await world.client('edge'), TRACK),
    new TestPublisher(await world.client('edge'), TRACK),
  ] as const;
  for (const publisher of publishers) publisher.announce();
  await world.pass(10);
  const client = await world.client('edge');
  const request = client.subscribe(TRACK);
  await world.until(() => publishers.every(({ subscribed }) => subscribed === 1));
  /** Streams in the order of their opening: what came on each, and how it ended. */
  const streams = () => {
    const seen = new Map<number, string>();
    for (const notice of client.notices) {
      if (notice.kind === 'subgroup') seen.set(notice.stream, notice.header.firstObject ? 'first' : 'later');
      else if (notice.kind === 'object') seen.set(notice.stream, `${seen.get(notice.stream)} ${notice.object.object}`);
      else if (notice.kind === 'subgroup-end') seen.set(notice.stream, `${seen.get(notice.stream)} fin`);
      else if (notice.kind === 'subgroup-reset') seen.set(notice.stream, `${seen.get(notice.stream)} reset`);
    }
    return [...seen.values()];
  };
  return { world, relay, publishers, client, request, streams };
}

describe('a Subgroup', () => {
  it('N291: goes on with objects of the same upstream stream, whatever their ids', async () => {
    const { world, publishers, streams } = await edge();
    publishers[0].open({ group: 1 }).object(0).object(4).object(9).fin();
    await world.pass(10);
    expect(streams()).toEqual(['first 0 4 9 fin']);
  });

  it('N118, N119, N291: goes on with the next id from another publisher, each object once', async () => {
    const { world, publishers, streams } = await edge();
    const [one, two] = publishers.map((publisher) => publisher.open({ group: 1 }));
    one!.object(0).object(1);
    await world.pass(10);
    two!.object(0).object(1).object(2);
    await world.pass(10);
    one!.object(2).object(3).fin();
    await world.pass(10);
    two!.object(3).fin();
    await world.pass(10);
    expect(streams()).toEqual(['first 0 1 2 3 fin']);
  });

  it('N292, N293: starts a new stream where the next object may be missing, and resets the old one', async () => {
    const { world, publishers, client, request, streams } = await edge();
    publishers[0].open({ group: 1 }).object(0);
    await world.pass(10);
    publishers[1].open({ group: 1, firstObject: false }).object(3).object(4).fin();
    await world.pass(10);
    expect(streams()).toEqual(['first 0 reset', 'later 3 4 fin']);
    expect(client.places(request)).toEqual(['1/0', '1/3', '1/4']);
  });

  it('N018: goes on where another publisher has begun it, if that one repeats what is there', async () => {
    const { world, publishers, streams } = await edge();
    const one = publishers[0].open({ group: 1 }).object(0);
    await world.pass(10);
    one.reset(StreamResetCode.CANCELLED);
    await world.pass(10);
    publishers[1].open({ group: 1 }).object(0).object(5).fin();
    await world.pass(10);
    expect(streams()).toEqual(['first 0 5 fin']);
  });

  it('N018: says FIRST_OBJECT only of a stream that starts with the first one', async () => {
    const { world, publishers, streams } = await edge();
    publishers[0].open({ group: 1 }).object(0);
    await world.pass(10);
    publishers[0].open({ group: 1, firstObject: false }).object(7);
    await world.pass(10);
    // Its first object is there already: what the subscriber gets on a new stream starts later.
    publishers[1].open({ group: 1 }).object(0).object(3);
    await world.pass(10);
    expect(streams()).toEqual(['first 0 reset', 'later 7 reset', 'later 3']);
  });

  it('N288, N289: ends with a FIN if all of it has been forwarded, and with a reset if something was left out', async () => {
    const { world, publishers, client, streams } = await edge();
    const [publisher] = publishers;
    publisher.store({ group: 1, object: 0 });
    publisher.store({ group: 1, object: 9 });
    publishers[1].store({ group: 1, object: 0 });
    publishers[1].store({ group: 1, object: 9 });
    const range = { start: { group: 1, object: 0 }, end: { group: 1, object: 10 } };
    publisher.open({ group: 2 }).object(0).fin();
    await world.pass(10);
    const fetch = client.fetch({ kind: 'standalone', name: TRACK, ...range });
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    // 3 does not exist by the FETCH, so that it is not forwarded, and the Subgroup is not whole.
    const stream = publisher.open({ group: 1, subgroup: 4 }).object(3).object(12);
    await world.pass(10);
    stream.fin();
    publisher.open({ group: 3 }).object(0).fin();
    await world.pass(10);
    expect(streams()).toEqual(['first 0 fin', 'later 12 reset', 'first 0 fin']);
  });

  it('N296: one whose stream the subscriber stopped is not sent to it again, and the next group is', async () => {
    const { world, publishers, client, request } = await edge();
    const other = await world.client('edge');
    const kept = other.subscribe(TRACK);
    await world.until(() => other.of('subscribe-ok', kept).length === 1);
    const stream = publishers[0].open({ group: 1 }).object(0);
    await world.until(() => client.objects(request).length === 1);
    client.connection.stopSending(client.of('subgroup', request)[0]!.stream, StreamResetCode.CANCELLED);
    await world.pass(10);
    stream.object(1).object(2).fin();
    publishers[0].open({ group: 2 }).object(0).fin();
    await world.until(() => client.places(request).includes('2/0'));
    await world.pass(1_000);
    expect(client.places(request)).toEqual(['1/0', '2/0']);
    expect(client.of('subgroup', request)).toHaveLength(2);
    expect(other.places(kept)).toEqual(['1/0', '1/1', '1/2', '2/0']);
  });

  it('N016: each of a group has its own stream', async () => {
    const { world, publishers, streams } = await edge();
    const [one, two] = [0, 1].map((subgroup) => publishers[0].open({ group: 1, subgroup }));
    one!.object(0);
    two!.object(1);
    one!.object(2).fin();
    two!.object(3).fin();
    await world.pass(10);
    expect(streams().toSorted()).toEqual(['first 0 2 fin', 'first 1 3 fin']);
  });

  it('an empty one that ends changes nothing', async () => {
    const { world, publishers, client, request } = await edge();
    publishers[0].open({ group: 1 }).fin();
    publishers[0].open({ group: 2 }).object(0).fin();
    await world.pass(10);
    expect(client.places(request)).toEqual(['2/0']);
  });
});
