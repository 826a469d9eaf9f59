import { describe, expect, it } from 'vitest';
import { type Delivery, type PlacedObject, TrackOrder } from './track-order.js';

/** An event; object 0 names what was before it. */
const at = (group: number, object: number, previous: readonly [number, number | null] | null = null): PlacedObject => ({
  ...{ group, object, previousGroup: previous?.[0] ?? null, previousObject: previous?.[1] ?? null },
  payload: new Uint8Array(1),
});

function tell(order: TrackOrder<PlacedObject>): string[] {
  const told: string[] = [];
  for (let next = order.next(); next !== undefined; next = order.next()) told.push(describeDelivery(next));
  return told;
}

function describeDelivery(delivery: Delivery<PlacedObject>): string {
  if (delivery.kind === 'gap') return 'gap';
  if (delivery.kind === 'lost') return 'lost';
  const { group, object } = delivery.object;
  return `${delivery.kind === 'object' ? '' : `${delivery.kind} `}${group}/${object}`;
}

describe('TrackOrder: an event behind a group whose end never came', () => {
  it('BUS-14: follows at once if it names the last object of that group', () => {
    const order = new TrackOrder<PlacedObject>('event', { group: 1, object: 4 });
    order.live(at(2, 0, [1, 4]));
    expect(tell(order)).toEqual(['2/0']);
  });

  it('BUS-14: follows as soon as the objects that it overtook have come', () => {
    const order = new TrackOrder<PlacedObject>('event', { group: 1, object: 3 });
    order.live(at(2, 0, [1, 4]));
    expect([tell(order), order.stalled]).toEqual([[], true]);
    order.live(at(1, 4));
    expect([tell(order), order.stalled]).toEqual([['1/4', '2/0'], false]);
  });

  it('BUS-15: waits no longer than its patience, then is fetched for, and tells what nobody has', () => {
    const order = new TrackOrder<PlacedObject>('event', { group: 1, object: 3 });
    order.live(at(2, 0, [1, 5]));
    order.patienceOver();
    expect(tell(order)).toEqual(['gap']);
    order.fetched(at(1, 4));
    order.fetchEnded(true);
    expect(tell(order)).toEqual(['1/4', 'lost', '2/0']);
  });

  it('BUS-15: that names nothing counts as a loss if the fetch came to a stretch that nobody knows', () => {
    const order = new TrackOrder<PlacedObject>('event', { group: 1, object: 3 });
    order.fetchStarted();
    order.fetched(at(2, 0));
    order.fetchUnknown();
    order.fetched(at(3, 0));
    order.fetched(at(3, 1));
    order.fetchUnknown();
    order.live(at(4, 0));
    order.fetchEnded(true);
    expect(tell(order)).toEqual(['2/0', 'lost', '3/0', '3/1', 'lost', '4/0']);
  });

  it('the newest group that was seen is known, delivered or not', () => {
    const order = new TrackOrder<PlacedObject>('map', null);
    expect(order.newestGroup).toBeNull();
    order.live(at(7, 3));
    expect(order.newestGroup).toBe(7);
  });
});
