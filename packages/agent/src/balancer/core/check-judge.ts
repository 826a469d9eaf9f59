import type { CheckBook, CheckPlan } from './check-book.js';
import type { Configurations } from './configurations.js';
import type { CheckResult } from './contract.js';
import { DirectBook } from './direct-book.js';
import type { Ledger } from './ledger.js';
import type { Now } from './now.js';

/** Gives results of checks to the pools of the members that were checked, and each next check its time. */
export class CheckJudge {
  readonly #configurations: Configurations;
  readonly #checks: CheckBook;
  readonly #ledger: Ledger;
  readonly #direct = new DirectBook();

  constructor(configurations: Configurations, checks: CheckBook, ledger: Ledger) {
    this.#configurations = configurations;
    this.#checks = checks;
    this.#ledger = ledger;
  }

  /** The result of the check of this key; one that nobody wants any more is ignored. */
  took(key: string, result: CheckResult, now: Now): void {
    const plan = this.#checks.done(key, result, now);
    if (plan === null) return;
    if (plan.direct === undefined) this.#tookCheck(plan, result, now);
    else this.#tookLook(plan, plan.direct, result, now);
  }

  /** Members that are in no state any more are checked no more. */
  retain(): void {
    const { states } = this.#configurations;
    const keys = new Set(states.flatMap((state) => [...state.checks()].map(({ key }) => key)));
    this.#checks.retain(keys);
    this.#direct.retain(keys);
    this.#ledger.retainChecks(keys);
  }

  #tookCheck(plan: CheckPlan, result: CheckResult, now: Now): void {
    const { key, member } = plan;
    let suspicious = false;
    for (const [state, pool] of this.#configurations.poolsOf(plan.pool)) {
      if (pool.instances.get(member)?.check?.key !== key) continue;
      if (result.inconclusive !== true) this.#ledger.took(state, pool, pool.check(member, result.ok, now), now);
      suspicious ||= pool.isSuspicious(member);
    }
    this.#checks.schedule(key, suspicious);
    if (result.certificateEndsWallMs !== undefined) this.#ledger.certificate(plan, result.certificateEndsWallMs, now);
  }

  /** What was found out about a member's setup for direct server return. */
  #tookLook(
    plan: CheckPlan,
    { enforce, listener }: NonNullable<CheckPlan['direct']>,
    result: CheckResult,
    now: Now,
  ): void {
    const { key, member } = plan;
    const pools = this.#configurations.poolsOf(plan.pool).filter(([, pool]) => pool.instances.has(member));
    const serves = enforce && pools.some(([, pool]) => pool.isFit(member) === true);
    const news = this.#direct.took(plan, result, serves);
    for (const [state, pool] of pools) {
      if (news !== undefined) this.#ledger.direct(state, pool, member, { listener, failure: news }, now);
      const enforced = state.directChecks(pool, member).filter(({ direct }) => direct?.enforce);
      const fit = this.#direct.areFit(enforced);
      if (fit !== null) this.#ledger.took(state, pool, pool.setFit(member, fit, now), now);
    }
    this.#checks.schedule(key, this.#direct.isSuspicious(key));
  }
}
