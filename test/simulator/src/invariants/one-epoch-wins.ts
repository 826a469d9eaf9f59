import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'one-epoch-wins',
  statement: 'who has seen a newer epoch goes back to no older one, and in the end everybody has the newest',
  design: [10],
};

export interface EpochOptions {
  epochOf(group: number): number;
  readonly tracks: readonly string[];
  /** Who has to have the newest epoch at the end: those that run then. */
  subscribers(): readonly string[];
}

/**
 * Invariant 10 of the design: a zombie's objects sort older everywhere. A relay's word is what it hands to
 * newcomers as what the track is now; a relay or a subscriber that starts anew without a disk may begin with what it finds. BUS-10.
 */
export function oneEpochWins({ epochOf, tracks, subscribers }: EpochOptions): Invariant & {
  /** Whether everybody has the newest epoch. */
  holds(): boolean;
} {
  const { id } = guarantee;
  const newest = new Map<string, { readonly epoch: number; readonly endsMs: number }>();
  /** What the running process has seen last. */
  const seen = new Map<string, number>();
  /** What the node has, over restarts. */
  const held = new Map<string, number>();
  const forget = (epochs: Map<string, number>, node: string) => {
    for (const key of epochs.keys()) if (key.startsWith(`${node} `)) epochs.delete(key);
  };
  const see = (node: string, track: string, group: number) => {
    const key = `${node} ${track}`;
    const epoch = epochOf(group);
    const known = seen.get(key) ?? epoch;
    if (epoch < known) throw new Violation(id, `${node} goes back to epoch ${epoch} of ${track} after ${known}`);
    seen.set(key, epoch);
    held.set(key, epoch);
  };
  let now = 0;
  const lagging = (): string | null => {
    for (const track of tracks) {
      const { epoch, endsMs } = newest.get(track) ?? { epoch: 0, endsMs: 0 };
      // What has expired is due to nobody.
      if (now >= endsMs) continue;
      for (const node of subscribers()) {
        const has = held.get(`${node} ${track}`) ?? null;
        if (has !== epoch) return `${node} has epoch ${has} of ${track}, expected ${epoch}`;
      }
    }
    return null;
  };
  return {
    ...guarantee,
    observe(observation, nowMs) {
      now = nowMs;
      const { kind, node } = observation;
      if (kind === 'started') forget(seen, node);
      else if (kind === 'forgot') forget(held, node);
      else if (kind === 'committed') {
        const { track, group, ttlMs } = observation;
        const epoch = epochOf(group);
        if (epoch >= (newest.get(track)?.epoch ?? 0)) newest.set(track, { epoch, endsMs: nowMs + ttlMs });
      } else if (kind === 'received' || kind === 'held' || kind === 'delivered') {
        if (tracks.includes(observation.track)) see(node, observation.track, observation.group);
      } else if (kind === 'served' && observation.joined && tracks.includes(observation.track)) {
        see(observation.relay, observation.track, observation.group);
      }
    },
    holds: () => lagging() === null,
    finish(nowMs) {
      now = nowMs;
      const problem = lagging();
      if (problem !== null) throw new Violation(id, problem);
    },
  };
}
