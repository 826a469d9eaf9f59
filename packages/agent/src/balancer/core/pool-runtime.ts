import {
  buildSampled,
  connectionWeights,
  latencyWeights,
  type MemberReport,
  type MemberStatus,
  PoolHealth,
  type Rotation,
  SAMPLED_TABLE_SIZE,
  type Selection,
  type SlotTable,
  select,
  type Transition,
  type WeightedMember,
} from '@higgins/balancing';
import { type PoolPlan, tableSizeOf } from './layout.js';
import { COUNT_INTERVAL_MS, LATENCY_INTERVAL_MS } from './limits.js';
import { type Instance, sameInstances } from './members.js';
import { earlier, type Now } from './now.js';

/** What an operator or the configuration wants of a member. */
export interface WantedAdmin {
  readonly state: 'enabled' | 'draining' | 'disabled';
  /** For `draining`: when it ends at the latest; null: when no flow is left. */
  readonly deadlineBootMs: number | null;
}

/** Slots of a pool, and who takes flows that members on trial have no place for. */
export interface PoolSelection extends Selection {
  readonly onTrial: readonly string[];
  /** As many slots; null: there is nobody else, or nobody is on trial. */
  readonly others: SlotTable | null;
}

/** What sampled algorithms weigh. */
export interface Load {
  connections(member: string): number;
  latencyMs(member: string): number | null;
  /** New flows since the last weighing. */
  readonly arrivals: number;
}

/** Counts changes of pools, so that nobody need look at each of them to see that nothing happened. */
export class PoolChanges {
  /** Of slots. */
  slots = 0;
  /** Of the times at which pools have something to do. */
  timers = 0;
}

/** One pool in one family at work: who is in it, how they are, and what that makes of the slots. */
export class PoolRuntime {
  readonly plan: PoolPlan;
  readonly #health: PoolHealth;
  #instances: ReadonlyMap<string, Instance>;
  #statuses: Map<string, MemberStatus>;
  #timeoutBootMs: number | null = null;
  #weights: ReadonlyMap<string, number> | null = null;
  #weighBootMs: number | null;
  readonly #changes: PoolChanges;
  #version = 0;

  private constructor(
    parts: { readonly plan: PoolPlan; readonly health: PoolHealth; readonly changes: PoolChanges },
    instances: ReadonlyMap<string, Instance>,
    bootMs: number,
  ) {
    const { plan, health, changes } = parts;
    this.#changes = changes;
    this.plan = plan;
    this.#health = health;
    this.#instances = instances;
    this.#statuses = statusesOf(health);
    this.#weighBootMs = this.#weighs ? bootMs : null;
    changes.slots += 1;
    changes.timers += 1;
    this.#arm(bootMs);
  }

  /** A pool of which nothing is known, or what `saved` says. @throws BalancingError for members that make no pool. */
  static create(
    plan: PoolPlan,
    instances: ReadonlyMap<string, Instance>,
    saved: readonly Pick<MemberReport, 'member' | 'record'>[],
    changes: PoolChanges,
    now: Now,
  ): PoolRuntime {
    const health = new PoolHealth(plan.settings, membersOf(instances), now.bootMs);
    health.restore(saved, now.bootMs);
    return new PoolRuntime({ plan, health, changes }, instances, now.bootMs);
  }

  /** The pool under another configuration; this one stays as it is. @throws BalancingError as `create`. */
  reconfigured(
    plan: PoolPlan,
    instances: ReadonlyMap<string, Instance>,
    now: Now,
  ): readonly [PoolRuntime, Transition[]] {
    const health = new PoolHealth(this.plan.settings, membersOf(this.#instances), now.bootMs);
    health.restore(this.#health.report(), now.bootMs);
    const transitions = health.configure(plan.settings, membersOf(instances), now.bootMs);
    const pool = new PoolRuntime({ plan, health, changes: this.#changes }, instances, now.bootMs);
    pool.#weights = this.#weights;
    return [pool, transitions];
  }

  /** Rises whenever slots may be others than before. */
  get version(): number {
    return this.#version;
  }

  /** Tells that slots may be others for reasons that the pool does not know. */
  touch(): void {
    this.#version += 1;
    this.#changes.slots += 1;
  }

  get instances(): ReadonlyMap<string, Instance> {
    return this.#instances;
  }

  /** The state of every member, as of the last event. */
  get statuses(): ReadonlyMap<string, MemberStatus> {
    return this.#statuses;
  }

  /** Members at other addresses, as names were resolved; null if nothing changed. */
  move(instances: ReadonlyMap<string, Instance>, now: Now): Transition[] | null {
    if (sameInstances(instances, this.#instances)) return null;
    const transitions = this.#health.configure(this.plan.settings, membersOf(instances), now.bootMs);
    this.#instances = instances;
    this.#statuses = statusesOf(this.#health);
    this.touch();
    return this.#took(transitions, now);
  }

  check(member: string, success: boolean, now: Now): Transition[] {
    return this.#took(this.#health.check(member, success, now.bootMs), now);
  }

  /** Whether a member is set up for direct server return, where that is asked for. */
  setFit(member: string, fit: boolean, now: Now): Transition[] {
    return this.#took(this.#health.setFit(member, fit, now.bootMs), now);
  }

  isFit(member: string): boolean | null {
    return this.#health.isFit(member);
  }

  isSuspicious(member: string): boolean {
    return this.#health.isSuspicious(member);
  }

  traffic(member: string, sample: { successes: number; failures: number }, now: Now): Transition[] {
    return this.#took(this.#health.traffic(member, sample, now.bootMs), now);
  }

  /** A draining member has no flow left. */
  empty(member: string, now: Now): Transition[] {
    return this.#took(this.#health.empty(member, now.bootMs), now);
  }

  advance(now: Now): Transition[] {
    const due = this.#timeoutBootMs !== null && this.#timeoutBootMs <= now.bootMs;
    if (due) this.touch();
    return due ? this.#took(this.#health.advance(now.bootMs), now) : [];
  }

  /** Makes every member's administrative state what `wanted` says; a drain that has begun keeps its deadline. */
  administer(wanted: (instance: Instance) => WantedAdmin, now: Now): Transition[] {
    const transitions: Transition[] = [];
    for (const { record } of this.#health.report()) {
      const { state, deadlineBootMs } = wanted(this.#instances.get(record.name)!);
      const isDraining = record.admin === 'draining' || record.admin === 'drained';
      if (state === 'draining' ? isDraining : state === record.admin) continue;
      if (state === 'draining') transitions.push(...this.#health.drain(record.name, deadlineBootMs, now.bootMs));
      else if (state === 'disabled') transitions.push(...this.#health.disable(record.name, now.bootMs));
      else transitions.push(...this.#health.enable(record.name, now.bootMs));
    }
    return this.#took(transitions, now);
  }

  /** Gives a drain that is under way another deadline. */
  redrain(member: string, deadlineBootMs: number | null, now: Now): Transition[] {
    if (this.#statuses.get(member)?.state !== 'draining') return [];
    return this.#took(this.#health.drain(member, deadlineBootMs, now.bootMs), now);
  }

  /** When a drain ends at the latest; null: when no flow is left. */
  drainDeadlineOf(member: string): number | null {
    return this.report().find((each) => each.member.name === member)?.record.drainDeadlineMs ?? null;
  }

  report(): MemberReport[] {
    return this.#health.report();
  }

  rotation(now: Now): Rotation {
    return this.#health.rotation(now.bootMs);
  }

  /** When `advance` or `weigh` next has something to do. */
  nextBootMs(): number | null {
    return earlier(this.#timeoutBootMs, this.#weighBootMs);
  }

  /** Whether `advance` or `weigh` has something to do. */
  isDue(now: Now): boolean {
    return (this.#timeoutBootMs ?? Infinity) <= now.bootMs || (this.#weighBootMs ?? Infinity) <= now.bootMs;
  }

  /** Weighs members by load, where the algorithm does and it is time. */
  weigh(load: Load, now: Now): void {
    if (this.#weighBootMs === null || this.#weighBootMs > now.bootMs) return;
    const byLatency = this.plan.pool.algorithm === 'least-latency';
    this.#weighBootMs = now.bootMs + (byLatency ? LATENCY_INTERVAL_MS : COUNT_INTERVAL_MS);
    this.#changes.timers += 1;
    this.#weights = this.#weighed(serving(this.rotation(now).members), load);
    this.touch();
  }

  /** Slots for the members that serve now; those in `full` stand aside while there is anybody else. */
  selection(full: ReadonlySet<string>, load: Load, now: Now): PoolSelection {
    const members = withoutFull(this.rotation(now).members, full);
    const selection = this.#select(members, load);
    const onTrial = selection.table.members.filter((name) => this.#statuses.get(name)?.state === 'on-trial');
    if (onTrial.length === 0) return { ...selection, onTrial, others: null };
    const { table } = this.#select(without(members, new Set(onTrial)), load);
    return { ...selection, onTrial, others: table.slots.length === 0 ? null : stretched(table, selection.table) };
  }

  get #weighs(): boolean {
    const { algorithm } = this.plan.pool;
    return algorithm === 'least-connections' || algorithm === 'least-latency';
  }

  #select(members: readonly WeightedMember[], load: Load): Selection {
    const { plan } = this;
    const { algorithm } = plan.pool;
    if (!this.#weighs) {
      return select(members, { algorithm, seed: plan.seed, tableSize: tableSizeOf(plan, this.#instances.size) });
    }
    if (serving(members).some(({ name }) => this.#weights?.has(name) !== true)) {
      this.#weights = this.#weighed(serving(members), load);
    }
    const weights = this.#weights ?? new Map<string, number>();
    const weighed = members.map((member) => ({ ...member, weight: weights.get(member.name) ?? 0 }));
    const table = buildSampled(weighed, SAMPLED_TABLE_SIZE);
    return { table, choice: { kind: 'turn', size: table.slots.length }, failoverSafe: false, weights };
  }

  #weighed(members: readonly WeightedMember[], load: Load): ReadonlyMap<string, number> {
    if (members.length === 0) return new Map();
    if (this.plan.pool.algorithm === 'least-connections') {
      const samples = members.map(({ name, weight }) => ({ name, weight, connections: load.connections(name) }));
      return connectionWeights(samples, load.arrivals);
    }
    const samples = members.map(({ name, weight }) => ({ name, weight, latencyMs: load.latencyMs(name) }));
    return latencyWeights(samples, this.#weights ?? new Map());
  }

  #took(transitions: Transition[], now: Now): Transition[] {
    for (const transition of transitions) {
      this.touch();
      if (transition.kind === 'member') this.#statuses.set(transition.member, transition.to);
    }
    this.#arm(now.bootMs);
    return transitions;
  }

  #arm(bootMs: number): void {
    const before = this.#timeoutBootMs;
    this.#timeoutBootMs = this.#health.nextTimeoutMs(bootMs);
    if (before !== this.#timeoutBootMs) this.#changes.timers += 1;
  }
}

function membersOf(instances: ReadonlyMap<string, Instance>) {
  return [...instances.values()].map(({ health }) => health);
}

function statusesOf(health: PoolHealth): Map<string, MemberStatus> {
  return new Map(health.report().map(({ member, status }) => [member.name, status]));
}

function serving(members: readonly WeightedMember[]): WeightedMember[] {
  return members.filter(({ weight, sharePercent = 100 }) => weight > 0 && sharePercent > 0);
}

/** Full members stand aside, but not all at once: the kernel refuses what is above the limit. */
function withoutFull(members: readonly WeightedMember[], full: ReadonlySet<string>): readonly WeightedMember[] {
  if (full.size === 0 || serving(members).every(({ name }) => full.has(name))) return members;
  return without(members, full);
}

function without(members: readonly WeightedMember[], names: ReadonlySet<string>): readonly WeightedMember[] {
  return members.map((member) => (names.has(member.name) ? { ...member, sharePercent: 0 } : member));
}

/** A table with as many slots as another: one that is read in turn may be shorter without some of its members. */
function stretched({ members, slots }: SlotTable, { slots: { length } }: SlotTable): SlotTable {
  if (slots.length === length) return { members, slots };
  return { members, slots: Uint16Array.from({ length }, (_, slot) => slots[slot % slots.length]!) };
}
