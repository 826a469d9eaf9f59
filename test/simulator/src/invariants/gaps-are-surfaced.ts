import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'gaps-are-surfaced',
  statement: 'events come once and in order, and none is left out unless the subscriber is told and there is a cause',
  design: [4],
};

interface Event {
  readonly writer: string;
  readonly group: number;
  readonly object: number;
  readonly atMs: number;
  readonly ttlMs: number;
}

/**
 * Invariant 4 of the design, for event tracks; BUS-14 and BUS-32. What may be left out without a word: what was there
 * before the subscription's first event. What may be lost with a word: what outlived its TTL, and anything once a fault
 * has been. A writer knows only what it wrote itself: what another one had written is no part of its sequence.
 *
 * A process that restarts begins anew: its consumer keeps no place of its own.
 */
export function gapsAreSurfaced(track: string): Invariant {
  const { id } = guarantee;
  /** In the order of the track. */
  const published: Event[] = [];
  const known = new Set<string>();
  const last = new Map<string, Event>();
  let disturbed = false;
  return {
    ...guarantee,
    observe(observation, nowMs) {
      if (observation.kind === 'fault') disturbed = true;
      else if (observation.kind === 'started') last.delete(observation.node);
      else if (observation.kind === 'committed' && observation.track === track) {
        const key = `${observation.group} ${observation.object}`;
        if (known.has(key)) return;
        known.add(key);
        const { node: writer, group, object, ttlMs } = observation;
        insert(published, { writer, group, object, atMs: nowMs, ttlMs });
      } else if (observation.kind === 'delivered' && observation.track === track) {
        const { node, group, object, lost } = observation;
        const here = published.findLastIndex((event) => event.group === group && event.object === object);
        const event = published[here];
        if (event === undefined)
          throw new Violation(id, `${node} was given ${group}/${object}, which nobody published`);
        const before = last.get(node);
        last.set(node, event);
        if (before === undefined) return;
        const missing = published.slice(published.lastIndexOf(before) + 1, here);
        const problem = problemOf({ event, before, missing, lost, disturbed, nowMs });
        if (problem !== null) throw new Violation(id, `${node} was given ${group}/${object} ${problem}`);
      }
    },
  };
}

interface Step {
  readonly event: Event;
  /** The one that was given before it. */
  readonly before: Event;
  /** What was published between the two. */
  readonly missing: readonly Event[];
  readonly lost: boolean;
  readonly disturbed: boolean;
  readonly nowMs: number;
}

/** What is wrong with a step from one event to the next; null: nothing. */
function problemOf({ event, before, missing, lost, disturbed, nowMs }: Step): string | null {
  if (compare(event, before) <= 0) return `after ${before.group}/${before.object}`;
  const own = missing.filter(({ writer }) => writer === event.writer);
  const [first] = own;
  if (first === undefined) return null;
  const what = `${own.length} events from ${first.group}/${first.object} on`;
  if (!lost) return `without a word about ${what}`;
  if (disturbed || own.every(({ atMs, ttlMs }) => nowMs >= atMs + ttlMs)) return null;
  return `behind the loss of ${what}, though nothing was wrong and their TTL not over`;
}

function insert(events: Event[], event: Event): void {
  const at = events.findLastIndex((other) => compare(other, event) < 0);
  events.splice(at + 1, 0, event);
}

function compare(left: Event, right: Event): number {
  return left.group - right.group || left.object - right.object;
}
