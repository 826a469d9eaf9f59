import type { Member } from '@higgins/balancing';
import type { PoolPlan } from './layout.js';
import type { WantedAdmin } from './pool-runtime.js';
import type { SavedDrain } from './saved-state.js';
import type { MemberSelector } from './status.js';

/** What operators asked for, beside what the configuration says. Members that are not configured at present keep theirs. */
export class DrainBook {
  readonly #drains = new Map<string, SavedDrain>();

  /** `saved`: what was asked for in an earlier life. */
  constructor(saved: readonly SavedDrain[]) {
    for (const drain of saved) this.#drains.set(keyOf(drain, drain.member), drain);
  }

  drain(plan: PoolPlan, member: string, deadlineBootMs: number | null): void {
    const { owner, loadBalancer, pool } = plan.name;
    this.#drains.set(keyOf(plan.name, member), { owner, loadBalancer, pool, member, deadlineBootMs });
  }

  undrain(plan: PoolPlan, member: string): void {
    this.#drains.delete(keyOf(plan.name, member));
  }

  /** Whether an operator asked for a drain of the member. */
  has(plan: PoolPlan, member: string): boolean {
    return this.#drains.has(keyOf(plan.name, member));
  }

  /** What is wanted of a member, by operator and configuration together. */
  wanted(plan: PoolPlan, member: Member, bootMs: number): WantedAdmin {
    if (member.admin === 'disabled') return { state: 'disabled', deadlineBootMs: null };
    const drain = this.#drains.get(keyOf(plan.name, member.name));
    if (drain !== undefined) return { state: 'draining', deadlineBootMs: drain.deadlineBootMs };
    if (member.admin === 'enabled' && member.weight > 0) return { state: 'enabled', deadlineBootMs: null };
    const { drainMs } = plan.pool;
    return { state: 'draining', deadlineBootMs: drainMs === null ? null : bootMs + drainMs };
  }

  saved(): SavedDrain[] {
    return [...this.#drains.values()];
  }
}

/** Whether a selector names this member of a pool. */
export function selects(selector: MemberSelector, { name }: PoolPlan, member: string): boolean {
  const { owner = name.owner, loadBalancer = name.loadBalancer, pool = name.pool } = selector;
  return selector.member === member && owner === name.owner && loadBalancer === name.loadBalancer && pool === name.pool;
}

function keyOf(name: { owner: string; loadBalancer: string; pool: string }, member: string): string {
  return JSON.stringify([name.owner, name.loadBalancer, name.pool, member]);
}
