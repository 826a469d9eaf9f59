import { StreamResetCode } from '@higgins/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TestPublisher, type TestStream } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('video/camera');
const GROUPS = 2;
/** Object IDs of each Subgroup of a group: none of them are in a row. */
const SUBGROUPS = [
  [0, 2, 4, 6],
  [1, 3, 5, 7],
];

/** One publisher does the next thing on one of its Subgroups. */
const step = fc.record({
  publisher: fc.nat(1),
  group: fc.nat(GROUPS - 1),
  subgroup: fc.nat(SUBGROUPS.length - 1),
  // Mostly the next object; sometimes the stream is lost, and the publisher goes on with a new one.
  what: fc.constantFrom<'object' | 'reset'>('object', 'object', 'object', 'object', 'reset'),
  // What is on its way when its stream is reset is lost, by the publisher's or the relay's choice.
  pause: fc.integer({ min: 3, max: 6 }),
});

/** Where a publisher is with a Subgroup. */
interface Progress {
  stream: TestStream | null;
  next: number;
}

it('N016, N118, N119, N291, N292: two publishers of a track, in any order and with losses, make one whole track', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const world = new TestWorld();
      const relay = await world.relay('edge');
      const publishers: TestPublisher[] = [];
      for (let count = 0; count < 2; count++) publishers.push(new TestPublisher(await world.client('edge'), TRACK));
      for (const publisher of publishers) publisher.announce();
      await world.pass(10);
      const client = await world.client('edge');
      const request = client.subscribe(TRACK);
      await world.until(() => publishers.every(({ subscribed }) => subscribed === 1));

      const progress = new Map<string, Progress>();
      const advance = (publisher: number, group: number, subgroup: number, what: 'object' | 'reset') => {
        const key = `${publisher}/${group}/${subgroup}`;
        const at = progress.get(key) ?? { stream: null, next: 0 };
        progress.set(key, at);
        const ids = SUBGROUPS[subgroup]!;
        if (what === 'reset') {
          at.stream?.reset(StreamResetCode.EXCESSIVE_LOAD);
          at.stream = null;
        } else if (at.next < ids.length) {
          at.stream ??= publishers[publisher]!.open({ group, subgroup, firstObject: at.next === 0 });
          at.stream.object(ids[at.next]!);
          at.next++;
        }
      };
      for (const { publisher, group, subgroup, what, pause } of steps) {
        advance(publisher, group, subgroup, what);
        await world.pass(pause);
      }
      // In the end each of them has sent everything, and says so where it still can.
      for (const key of everySubgroup()) {
        for (const _ of SUBGROUPS[key.subgroup]!) {
          advance(key.publisher, key.group, key.subgroup, 'object');
          await world.pass(3);
        }
        progress.get(`${key.publisher}/${key.group}/${key.subgroup}`)!.stream?.fin();
      }
      await world.pass(10);

      const expected = Array.from({ length: GROUPS * 8 }, (_, index) => `${Math.floor(index / 8)}/${index % 8}`);
      expect(client.places(request).toSorted()).toEqual(expected);
      expect(relay.node.core.counters.malformedTracks).toBe(0);
      checkStreams(client.notices);
    }),
    { seed: 18, numRuns: 80 },
  );
});

function everySubgroup(): { publisher: number; group: number; subgroup: number }[] {
  const all = [];
  for (const publisher of [0, 1]) {
    for (let group = 0; group < GROUPS; group++) {
      for (let subgroup = 0; subgroup < SUBGROUPS.length; subgroup++) all.push({ publisher, group, subgroup });
    }
  }
  return all;
}

/** On each stream the objects follow each other in their Subgroup, and a stream that says it is whole is. */
function checkStreams(notices: TestPublisher['peer']['notices']): void {
  const streams = new Map<number, { ids: number[]; subgroup: number; first: boolean; end: string }>();
  for (const notice of notices) {
    if (notice.kind === 'subgroup') {
      const { subgroup, firstObject } = notice.header;
      streams.set(notice.stream, { ids: [], subgroup: Number(subgroup), first: firstObject, end: 'open' });
    } else if (notice.kind === 'object') streams.get(notice.stream)!.ids.push(Number(notice.object.object));
    else if (notice.kind === 'subgroup-end') streams.get(notice.stream)!.end = 'fin';
    else if (notice.kind === 'subgroup-reset') streams.get(notice.stream)!.end = 'reset';
  }
  for (const { ids, subgroup, first, end } of streams.values()) {
    const all = SUBGROUPS[subgroup]!;
    const start = all.indexOf(ids[0]!);
    expect(ids).toEqual(all.slice(start, start + ids.length));
    expect(first).toBe(start === 0);
    if (end === 'fin') expect(ids.at(-1)).toBe(all.at(-1));
  }
}
