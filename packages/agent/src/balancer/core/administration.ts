import type { BalancerState } from './balancer-state.js';
import type { Configurations } from './configurations.js';
import { DrainBook, selects } from './drain-book.js';
import type { MemberName } from './events.js';
import type { Ledger } from './ledger.js';
import type { Now } from './now.js';
import type { PoolRuntime } from './pool-runtime.js';
import type { SavedDrain } from './saved-state.js';
import { ControlError, type DrainOptions, type MemberSelector } from './status.js';

/** What operators and the configuration want of members. */
export class Administration {
  readonly drains: DrainBook;
  readonly #configurations: Configurations;
  readonly #ledger: Ledger;

  constructor(configurations: Configurations, ledger: Ledger, saved: readonly SavedDrain[]) {
    this.#configurations = configurations;
    this.#ledger = ledger;
    this.drains = new DrainBook(saved);
  }

  /** Makes the members of a pool what is wanted of them. */
  apply(state: BalancerState, pool: PoolRuntime, now: Now): void {
    const transitions = pool.administer(({ member }) => this.drains.wanted(pool.plan, member, now.bootMs), now);
    this.#ledger.took(state, pool, transitions, now);
  }

  /** Ends new flows to the members that are named. @throws ControlError `not-found`. */
  drain(selector: MemberSelector, { deadlineMs }: DrainOptions, now: Now): MemberName[] {
    return this.#named(selector, now, (pool, member) => {
      const leftMs = deadlineMs === undefined ? pool.plan.pool.drainMs : deadlineMs;
      const deadlineBootMs = leftMs === null ? null : now.bootMs + leftMs;
      this.drains.drain(pool.plan, member, deadlineBootMs);
      return deadlineBootMs;
    });
  }

  /** Ends a drain. @throws ControlError `not-found`. */
  undrain(selector: MemberSelector, now: Now): MemberName[] {
    return this.#named(selector, now, (pool, member) => {
      this.drains.undrain(pool.plan, member);
      return undefined;
    });
  }

  /** `change` gives the deadline that a drain under way is to have from now on, or undefined. */
  #named(
    selector: MemberSelector,
    now: Now,
    change: (pool: PoolRuntime, member: string) => number | null | undefined,
  ): MemberName[] {
    const named: MemberName[] = [];
    let found = false;
    for (const [state, pool] of this.#configurations.pools()) {
      const member = pool.plan.pool.members.find(({ name }) => selects(selector, pool.plan, name));
      if (member === undefined) continue;
      found = true;
      const deadlineBootMs = change(pool, member.name);
      const names = [...pool.instances.values()].filter((each) => each.member === member).map(({ name }) => name);
      if (deadlineBootMs !== undefined) {
        for (const name of names) this.#ledger.took(state, pool, pool.redrain(name, deadlineBootMs, now), now);
      }
      this.apply(state, pool, now);
      if (state !== this.#configurations.current) continue;
      named.push(...names.map((name) => ({ ...pool.plan.name, member: name })));
    }
    if (!found) throw new ControlError('not-found', `no member is named ${JSON.stringify(selector)}`);
    this.#ledger.saver.changed();
    return named;
  }
}
