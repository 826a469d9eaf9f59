import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePlaces, type Delivery, type PlacedObject, TrackOrder } from './track-order.js';

const at = (group: number, object: number, previousGroup: number | null = null): PlacedObject => ({
  group,
  object,
  previousGroup,
  previousObject: null,
  payload: new Uint8Array(1),
});

function drain(order: TrackOrder<PlacedObject>): Delivery<PlacedObject>[] {
  const deliveries: Delivery<PlacedObject>[] = [];
  for (let next = order.next(); next !== undefined; next = order.next()) deliveries.push(next);
  return deliveries;
}

const placesOf = (deliveries: readonly Delivery<PlacedObject>[]) =>
  deliveries.flatMap((delivery) =>
    delivery.kind === 'object' ? [[delivery.object.group, delivery.object.object]] : [],
  );

/** A track's objects in order, the sizes of its groups given. */
function track(sizes: readonly number[]): PlacedObject[] {
  return sizes.flatMap((size, index) =>
    Array.from({ length: size }, (_, object) => at(index + 1, object, object === 0 && index > 0 ? index : null)),
  );
}

const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 });

describe('TrackOrder: joins', () => {
  it('BUS-32: a map join delivers the newest group and what follows, once and in order, however they interleave', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.infiniteStream(fc.boolean()), (groups, cut, choices) => {
        const objects = track(groups);
        const joining = objects[cut % objects.length] ?? at(1, 0);
        const fetched = objects.filter((o) => o.group === joining.group && o.object <= joining.object);
        const live = objects.filter((o) => comparePlaces(o, joining) > 0);
        const order = new TrackOrder<PlacedObject>('map', null);
        order.fetchStarted();
        while (fetched.length > 0 || live.length > 0 || order.fetching) {
          const object = choices.next().value ? live.shift() : undefined;
          if (object !== undefined) order.live(object);
          else if (fetched.length > 0) order.fetched(fetched.shift() ?? at(0, 0));
          else if (order.fetching) order.fetchEnded(true);
        }
        const expected = objects.filter((o) => o.group >= joining.group).map((o) => [o.group, o.object]);
        const deliveries = drain(order);
        expect(placesOf(deliveries)).toEqual(expected);
        expect(deliveries.every(({ kind }) => kind === 'object')).toBe(true);
      }),
      { seed: 1 },
    );
  });

  it('BUS-11: a state track never goes back, whatever order copies and zombies come in', () => {
    const steps = fc.array(fc.record({ group: fc.integer({ min: 0, max: 20 }), fetched: fc.boolean() }));
    fc.assert(
      fc.property(steps, (arrivals) => {
        const order = new TrackOrder<PlacedObject>('state', null);
        for (const { group, fetched } of arrivals) fetched ? order.fetched(at(group, 0)) : order.live(at(group, 0));
        const deliveries = drain(order);
        const places = placesOf(deliveries).map(([group]) => group ?? -1);
        expect(places).toEqual([...new Set(places)].sort((left, right) => left - right));
        expect(deliveries).toHaveLength(arrivals.length);
        expect(order.last?.group ?? -1).toBe(Math.max(-1, ...arrivals.map(({ group }) => group)));
      }),
      { seed: 1 },
    );
  });

  it('BUS-15: a map never applies a delta over a gap; a fetch of the group heals it', () => {
    const lost = fc.uniqueArray(fc.nat({ max: 29 }), { maxLength: 8 });
    fc.assert(
      fc.property(sizes, lost, (groups, missing) => {
        const objects = track(groups);
        const order = new TrackOrder<PlacedObject>('map', null);
        const applied: PlacedObject[] = [];
        const run = (index: number) => {
          for (let next = order.next(); next !== undefined; next = order.next()) {
            if (next.kind === 'object') applied.push(next.object);
            if (next.kind !== 'gap') continue;
            const newest = objects[index] ?? at(1, 0);
            for (const object of objects.slice(0, index + 1)) if (object.group === newest.group) order.fetched(object);
            order.fetchEnded(true);
          }
        };
        objects.forEach((object, index) => {
          if (!missing.includes(index)) order.live(object);
          run(index);
        });
        applied.forEach((object, index) => {
          const before = applied[index - 1];
          if (object.object > 0) expect([before?.group, before?.object]).toEqual([object.group, object.object - 1]);
        });
        const delivered = objects.findLastIndex((_, index) => !missing.includes(index));
        if (delivered >= 0) expect(applied.at(-1)).toEqual(objects[delivered]);
      }),
      { seed: 1 },
    );
  });

  it('BUS-14: an event track loses nothing when streams overtake each other', () => {
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.nat()), (groups, choices) => {
        const objects = track(groups);
        const streams = groups.map((_, index) => objects.filter(({ group }) => group === index + 1));
        const order = new TrackOrder<PlacedObject>('event', null);
        const deliveries: Delivery<PlacedObject>[] = [];
        const settle = () => {
          deliveries.push(...drain(order));
          if (!order.fetching) return;
          for (const object of objects) order.fetched(object);
          order.fetchEnded(true);
          deliveries.push(...drain(order));
        };
        order.live(streams[0]?.shift() ?? at(1, 0));
        const open = streams.map((stream, index) => ({ stream, group: index + 1 }));
        while (open.length > 0) {
          const pick = (choices.next().value ?? 0) % open.length;
          const chosen = open[pick];
          const object = chosen?.stream.shift();
          if (object !== undefined) order.live(object);
          else {
            order.groupEnded(chosen?.group ?? 0);
            open.splice(pick, 1);
          }
          settle();
        }
        expect(deliveries.some(({ kind }) => kind === 'lost')).toBe(false);
        expect(placesOf(deliveries)).toEqual(objects.map((o) => [o.group, o.object]));
      }),
      { seed: 1 },
    );
  });
});

describe('TrackOrder: two ways at once', () => {
  const choices = fc.infiniteStream(fc.nat());

  it.each(['map', 'event'] as const)(
    'BUS-38: a %s that comes by two ways is delivered once and in order, with no gap while one of them is whole',
    (shape) => {
      fc.assert(
        fc.property(sizes, choices, fc.boolean(), (groups, choice, dies) => {
          const objects = track(groups);
          const order = new TrackOrder<PlacedObject>(shape, null);
          const ways = [0, 1].map((way) => ({ way, next: 0, open: true }));
          order.fetchStarted(0);
          order.fetchEnded(true, 0);
          order.fetchStarted(1);
          order.fetchEnded(true, 1);
          const diesAt = dies ? (choice.next().value as number) % objects.length : -1;
          for (;;) {
            const ready = ways.filter(({ open, next }) => open && next < objects.length);
            const chosen = ready[(choice.next().value as number) % Math.max(1, ready.length)];
            if (chosen === undefined) break;
            const object = objects[chosen.next]!;
            chosen.next += 1;
            order.live(object, chosen.way);
            if (objects[chosen.next]?.group !== object.group) order.groupEnded(object.group, chosen.way);
            if (chosen.way === 0 && chosen.next > diesAt && dies) {
              chosen.open = false;
              order.disconnected(0);
            }
          }
          const deliveries = drain(order);
          expect(placesOf(deliveries)).toEqual(objects.map((o) => [o.group, o.object]));
          expect(deliveries.filter(({ kind }) => kind === 'gap' || kind === 'lost')).toEqual([]);
        }),
        { seed: 1 },
      );
    },
  );

  it('BUS-38: what one way lacks is no gap for the consumer while the other is in step', () => {
    const order = new TrackOrder<PlacedObject>('map', null);
    for (const way of [0, 1]) {
      order.fetchStarted(way);
      order.fetchEnded(true, way);
    }
    for (const way of [0, 1]) order.live(at(1, 0), way);
    order.groupReset(1, 0);
    order.live(at(1, 1), 1);
    const deliveries = drain(order);
    expect(placesOf(deliveries)).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(deliveries.filter(({ kind }) => kind === 'gap')).toEqual([
      { kind: 'gap', after: { group: 1, object: 0 }, way: 0, covered: true },
    ]);
  });
});
