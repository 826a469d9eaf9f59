import type { Observation } from '../../frame/observation.js';
import { clockErrorMs, type PathError } from './path-error.js';

/**
 * Computes until when an object may count at a node: its TTL after it was committed, plus the stated error: the fastest
 * delivery that the process has seen of that writer's epoch, clock drift, and what relays need not count. Time in a
 * relay's cache is no delivery time: while nothing holds packets up, a delivery counts for what the network takes and no
 * more. Times are the world's.
 */
export class ExpiryLimits {
  readonly #epochOf: (group: number) => number;
  readonly #path: PathError;
  readonly #committed = new Map<string, Commit>();
  /** By node, track and place. */
  readonly #limitsMs = new Map<string, number>();
  /** By node, writer and epoch. */
  readonly #fastestMs = new Map<string, number>();
  #stalls = 0;
  #stalledUntilMs = Number.NEGATIVE_INFINITY;

  constructor(epochOf: (group: number) => number, path: PathError) {
    this.#epochOf = epochOf;
    this.#path = path;
  }

  observe(observation: Observation, nowMs: number): void {
    switch (observation.kind) {
      case 'committed': {
        const { track, group, object, node: writer, ttlMs } = observation;
        const key = `${track} ${group} ${object}`;
        // An identical object that a restart sends again is as old as it was.
        if (!this.#committed.has(key)) this.#committed.set(key, { atMs: nowMs, ttlMs, writer });
        return;
      }
      case 'fault':
        if (!observation.stalls) return;
        this.#stalls += observation.phase === 'begin' ? 1 : -1;
        this.#stalledUntilMs = nowMs;
        return;
      case 'started':
        for (const key of this.#fastestMs.keys()) {
          if (key.startsWith(`${observation.node} `)) this.#fastestMs.delete(key);
        }
        return;
      case 'received':
        this.#arrived(observation.node, observation.track, { group: observation.group, object: 0 }, nowMs);
        return;
      case 'held':
        this.#arrived(observation.node, observation.track, observation, nowMs);
        return;
    }
  }

  /** When it must be over; undefined: the node never had it. */
  limitMs(node: string, track: string, group: number, object: number): number | undefined {
    return this.#limitsMs.get(`${node} ${track} ${group} ${object}`);
  }

  #arrived(node: string, track: string, { group, object }: { group: number; object: number }, nowMs: number): void {
    const origin = this.#committed.get(`${track} ${group} ${object}`);
    if (origin === undefined) return;
    const undisturbed = this.#stalls === 0 && this.#stalledUntilMs < origin.atMs;
    const tookMs = nowMs - origin.atMs;
    const deliveryMs = undisturbed ? Math.min(tookMs, this.#path.networkMsMax) : tookMs;
    const path = `${node} ${origin.writer} ${this.#epochOf(group)}`;
    const delayMs = Math.min(deliveryMs, this.#fastestMs.get(path) ?? Number.POSITIVE_INFINITY);
    this.#fastestMs.set(path, delayMs);
    const key = `${node} ${track} ${group} ${object}`;
    const limitMs = origin.atMs + origin.ttlMs + clockErrorMs(this.#path, origin.ttlMs) + delayMs;
    this.#limitsMs.set(key, Math.min(limitMs, this.#limitsMs.get(key) ?? Number.POSITIVE_INFINITY));
  }
}

interface Commit {
  readonly atMs: number;
  readonly ttlMs: number;
  readonly writer: string;
}
