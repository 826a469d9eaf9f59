import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'subscribers-converge',
  statement:
    'after faults heal, every subscriber has what was written last, whether it listened from the start or came late',
  design: [14],
};

/**
 * Invariant 14 of the design for subscribers, and BUS-12: who joins late has what the others have. A renewal under way
 * is no difference: what counts is the content, for maps the place. An event whose time is up is due to nobody.
 */
export function subscribersConverge(
  tracks: readonly string[],
  /** Who has to have it at the end: those that run then. */
  subscribers: () => readonly string[],
): Invariant & {
  /** Whether everybody has it already. */
  holds(): boolean;
} {
  const { id } = guarantee;
  const written = new Map<string, Content & { readonly endsMs: number }>();
  const taken = new Map<string, Content>();
  let nowMs = 0;
  const lagging = (): string | null => {
    for (const track of tracks) {
      const wanted = written.get(track);
      if (wanted === undefined || nowMs >= wanted.endsMs) continue;
      for (const node of subscribers()) {
        const has = taken.get(`${node} ${track}`) ?? null;
        if (has !== null && isSame(has, wanted)) continue;
        return `${node} has ${placeOf(has)} of ${track}, expected ${placeOf(wanted)}`;
      }
    }
    return null;
  };
  return {
    ...guarantee,
    observe(observation, observedMs) {
      nowMs = observedMs;
      // A process that restarts goes on where it was, unless its disk is gone.
      if (observation.kind === 'forgot') {
        for (const track of tracks) taken.delete(`${observation.node} ${track}`);
      }
      if (!('track' in observation) || !tracks.includes(observation.track)) return;
      const { kind, node, track } = observation;
      if (kind === 'committed') {
        const { group, object, payload, ttlMs } = observation;
        const known = written.get(track);
        if (known === undefined || group > known.group || (group === known.group && object > known.object)) {
          written.set(track, { group, object, payload, endsMs: nowMs + ttlMs });
        }
      } else if (kind === 'received') taken.set(`${node} ${track}`, { ...observation, object: 0 });
      else if (kind === 'delivered') taken.set(`${node} ${track}`, observation);
      else if (kind === 'held') taken.set(`${node} ${track}`, { ...observation, payload: null });
    },
    holds: () => lagging() === null,
    finish(endMs) {
      nowMs = endMs;
      const problem = lagging();
      if (problem !== null) throw new Violation(id, problem);
    },
  };
}

interface Content {
  readonly group: number;
  readonly object: number;
  /** Null where the place alone counts. */
  readonly payload: Uint8Array | null;
}

function isSame(has: Content, wanted: Content): boolean {
  const { payload } = wanted;
  if (has.payload === null || payload === null) return has.group === wanted.group && has.object === wanted.object;
  return has.payload.length === payload.length && has.payload.every((byte, index) => byte === payload[index]);
}

function placeOf(content: Content | null): string {
  return content === null ? 'nothing' : `group ${content.group} object ${content.object}`;
}
