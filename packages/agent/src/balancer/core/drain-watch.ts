import type { BalancerOccurrence } from './events.js';
import { DRAIN_PROGRESS_MS } from './limits.js';
import { type Now, wallOf } from './now.js';
import type { PoolRuntime } from './pool-runtime.js';

/** Sees how far drains are: tells progress now and then, and who has no flow left. */
export class DrainWatch {
  readonly #told = new Map<string, number>();

  /** `connectionsOf`: flows of a member as counted last, null if not counted. Members with none are `empty`. */
  look(
    pool: PoolRuntime,
    connectionsOf: (member: string) => number | null,
    now: Now,
  ): { readonly empty: readonly string[]; readonly progress: readonly BalancerOccurrence[] } {
    const empty: string[] = [];
    const progress: BalancerOccurrence[] = [];
    const draining = [...pool.statuses].filter(([, { state }]) => state === 'draining').map(([member]) => member);
    for (const member of draining) {
      const connections = connectionsOf(member);
      if (connections === 0) empty.push(member);
      else if (connections !== null && this.#isDue(`${pool.plan.key} ${member}`, now)) {
        const endsAtWallMs = wallOf(pool.drainDeadlineOf(member), now);
        progress.push({ kind: 'drain-progress', ...pool.plan.name, member, connections, endsAtWallMs });
      }
    }
    return { empty, progress };
  }

  #isDue(key: string, now: Now): boolean {
    if ((this.#told.get(key) ?? Number.NEGATIVE_INFINITY) > now.bootMs - DRAIN_PROGRESS_MS) return false;
    this.#told.set(key, now.bootMs);
    return true;
  }
}
