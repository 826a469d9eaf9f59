import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'dead-publisher-is-known',
  statement:
    'every consumer knows within three heartbeats that a publisher is dead, and takes none for dead that only paused',
  design: [15],
};

export interface PublisherDeaths {
  /** How often a publisher says that it lives. */
  readonly heartbeatMs: number;
  /** How long the way to a consumer takes at most, resubscriptions included. */
  readonly deliveryMsMax: number;
  /** Who follows it, and which of its tracks. */
  readonly consumers: readonly string[];
  readonly track: string;
}

/** Heartbeats after which a publisher counts as dead. */
const HEARTBEATS = 3;

/** Invariant 15 of the design, BUS-24 and BUS-39. */
export function deadPublisherIsKnown(deaths: PublisherDeaths): Invariant & {
  /** The publisher is dead for good, or lives again; before the first call it lives. */
  publisher(lives: boolean, nowMs: number): void;
} {
  const { id } = guarantee;
  const { heartbeatMs, deliveryMsMax, consumers, track } = deaths;
  const conditions = new Map<string, string>();
  const dueMs = HEARTBEATS * heartbeatMs + deliveryMsMax;
  let diedMs: number | null = null;
  let livesAgainMs = Number.NEGATIVE_INFINITY;
  const wrong = (nowMs: number): string | null => {
    if (diedMs === null || nowMs < diedMs + dueMs) return null;
    const late = consumers.find((name) => conditions.get(name) !== 'heartbeat-lost');
    if (late === undefined) return null;
    return `${late} takes ${track} for ${conditions.get(late)} ${dueMs} ms after its publisher died`;
  };
  return {
    ...guarantee,
    publisher(lives, nowMs) {
      if (lives && diedMs !== null) livesAgainMs = nowMs;
      diedMs = lives ? null : nowMs;
    },
    observe(observation, nowMs) {
      if (observation.kind !== 'condition' || observation.track !== track) return;
      const { node, condition } = observation;
      conditions.set(node, condition);
      if (condition !== 'heartbeat-lost' || diedMs !== null || nowMs < livesAgainMs + deliveryMsMax) return;
      throw new Violation(id, `${node} takes the publisher of ${track} for dead, and it lives`);
    },
    check(nowMs) {
      const problem = wrong(nowMs);
      if (problem !== null) throw new Violation(id, problem);
    },
    finish() {
      const other = diedMs === null ? consumers.find((name) => conditions.get(name) !== 'ok') : undefined;
      if (other === undefined) return;
      throw new Violation(id, `${other} takes ${track} for ${conditions.get(other)}, and its publisher lives`);
    },
  };
}
