import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'gaps-are-surfaced',
  statement: 'events come once and in order, and none is left out unless the subscriber is told and there is a cause',
  design: [4],
};

interface Event {
  readonly group: number;
  readonly object: number;
  readonly atMs: number;
  readonly ttlMs: number;
}

/**
 * Invariant 4 of the design, for event tracks; BUS-14 and BUS-32. What may be left out without a word: what was there
 * before the subscription's first event, and the older epoch's objects once a newer one has been given. What may be
 * lost with a word: what outlived its TTL, and what was published while a fault was about.
 *
 * A process that restarts begins anew: its consumer keeps no place of its own.
 */
export function gapsAreSurfaced(track: string, epochOf: (group: number) => number): Invariant {
  const { id } = guarantee;
  /** In the order of the track. */
  const published: Event[] = [];
  const known = new Set<string>();
  const last = new Map<string, Event>();
  let faults = 0;
  let firstFaultMs = Number.POSITIVE_INFINITY;
  return {
    ...guarantee,
    observe(observation, nowMs) {
      if (observation.kind === 'fault') {
        faults += 1;
        firstFaultMs = Math.min(firstFaultMs, nowMs);
      } else if (observation.kind === 'started') last.delete(observation.node);
      else if (observation.kind === 'committed' && observation.track === track) {
        const key = `${observation.group} ${observation.object}`;
        if (known.has(key)) return;
        known.add(key);
        const { group, object, ttlMs } = observation;
        insert(published, { group, object, atMs: nowMs, ttlMs });
      } else if (observation.kind === 'delivered' && observation.track === track) {
        const { node, group, object, lost } = observation;
        const here = published.findLastIndex((event) => event.group === group && event.object === object);
        const event = published[here];
        if (event === undefined)
          throw new Violation(id, `${node} was given ${group}/${object}, which nobody published`);
        const before = last.get(node);
        last.set(node, event);
        if (before === undefined) return;
        if (compare(event, before) <= 0) {
          throw new Violation(id, `${node} was given ${group}/${object} after ${before.group}/${before.object}`);
        }
        const missing = published
          .slice(published.lastIndexOf(before) + 1, here)
          // What a writer that lost its lease still says counts for nobody who has heard of the next one.
          .filter((other) => epochOf(other.group) >= epochOf(before.group) && mayBeDue(other, event, epochOf));
        const [first] = missing;
        if (first === undefined) return;
        const what = `${missing.length} events from ${first.group}/${first.object} on`;
        if (!lost) throw new Violation(id, `${node} was given ${group}/${object} without a word about ${what}`);
        const live = missing.find((other) => nowMs < other.atMs + other.ttlMs);
        if (live === undefined || faults > 0 || firstFaultMs < nowMs) return;
        throw new Violation(id, `${node} lost ${what}, though nothing was wrong and their TTL not over`);
      }
    },
  };
}

/** Events of an older epoch that came after the newer one had begun are due to nobody. */
function mayBeDue(other: Event, next: Event, epochOf: (group: number) => number): boolean {
  return epochOf(other.group) === epochOf(next.group) || other.atMs < next.atMs;
}

function insert(events: Event[], event: Event): void {
  const at = events.findLastIndex((other) => compare(other, event) < 0);
  events.splice(at + 1, 0, event);
}

function compare(left: Event, right: Event): number {
  return left.group - right.group || left.object - right.object;
}
