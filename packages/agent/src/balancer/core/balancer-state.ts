import type { BalancerConfiguration, MemberReport, Transition } from '@higgins/balancing';
import type { DesiredBalancer, DesiredService } from '../../targets/maglev/model.js';
import type { CheckPlan } from './check-book.js';
import { compileService, isIdle, sameService } from './compile.js';
import { directChecksOf } from './direct-plans.js';
import { type Layout, loadBalancerKey, type ServicePlan } from './layout.js';
import type { NodeShare } from './live-nodes.js';
import { instancesOf } from './members.js';
import type { NameBook } from './name-book.js';
import { earlier, type Now } from './now.js';
import { type Load, PoolChanges, PoolRuntime, type PoolSelection } from './pool-runtime.js';

/** What was saved of pools, by key. */
export type SavedPools = ReadonlyMap<string, readonly Pick<MemberReport, 'member' | 'record'>[]>;

/** What loads and limits are known by. */
export interface Loads {
  load(pool: PoolRuntime): Load;
  /** Members of the service that are at their limit of connections. */
  full(service: string): ReadonlySet<string>;
  /** This node's part of the limits that a load balancer has in the whole PoP. */
  share(loadBalancer: string): NodeShare;
}

/** A configuration at work: its pools, and the services that they amount to. */
export class BalancerState {
  readonly configuration: BalancerConfiguration;
  readonly layout: Layout;
  readonly pools: ReadonlyMap<string, PoolRuntime>;
  readonly #plans: ReadonlyMap<string, readonly ServicePlan[]>;
  /** Versions of pools that services were last compiled from. */
  readonly #compiled: Map<string, number>;
  readonly #selections: Map<string, PoolSelection>;
  /** Services that were compiled from the plans of this state. */
  readonly #own = new Set<string>();
  readonly #changes: PoolChanges;
  #services: Map<string, DesiredService>;
  #compiledAt = -1;
  #next: { readonly timers: number; readonly bootMs: number | null } | null = null;

  private constructor(
    configuration: BalancerConfiguration,
    layout: Layout,
    pools: ReadonlyMap<string, PoolRuntime>,
    changes: PoolChanges,
    before: BalancerState | null,
  ) {
    this.#changes = changes;
    this.configuration = configuration;
    this.layout = layout;
    this.pools = pools;
    this.#plans = Map.groupBy(layout.services, ({ pool }) => pool.key);
    // Services that stay as they are stay the same objects: nobody need look into them.
    this.#services = new Map(before === null ? [] : before.#services);
    this.#selections = new Map(before === null ? [] : before.#selections);
    const shared = [...(before === null ? [] : before.#compiled)];
    this.#compiled = new Map(shared.filter(([key]) => before?.pools.get(key) === pools.get(key)));
  }

  /** The first configuration of a life. @throws ConfigurationError; BalancingError. */
  static create(
    configuration: BalancerConfiguration,
    layout: Layout,
    options: { readonly names: NameBook; readonly saved: SavedPools; readonly now: Now },
  ): BalancerState {
    const { names, saved, now } = options;
    const changes = new PoolChanges();
    const pools = [...layout.pools].map(([key, plan]) => {
      const pool = PoolRuntime.create(plan, instancesOf(plan, names), saved.get(key) ?? [], changes, now);
      return [key, pool] as const;
    });
    return new BalancerState(configuration, layout, new Map(pools), changes, null);
  }

  /**
   * Another configuration after this one, which stays as it is. Pools that both have are shared; of others, members that
   * both have keep their state.
   *
   * @throws as `create`
   */
  reconfigured(
    configuration: BalancerConfiguration,
    layout: Layout,
    names: NameBook,
    now: Now,
  ): readonly [BalancerState, ReadonlyMap<string, Transition[]>] {
    const pools = new Map<string, PoolRuntime>();
    const transitions = new Map<string, Transition[]>();
    for (const [key, plan] of layout.pools) {
      const before = this.pools.get(key);
      if (before?.plan.text === plan.text) pools.set(key, before);
      else if (before === undefined)
        pools.set(key, PoolRuntime.create(plan, instancesOf(plan, names), [], this.#changes, now));
      else {
        const [pool, changes] = before.reconfigured(plan, instancesOf(plan, names), now);
        pools.set(key, pool);
        transitions.set(key, changes);
      }
    }
    return [new BalancerState(configuration, layout, pools, this.#changes, this), transitions];
  }

  service(id: string): DesiredService | null {
    return this.#services.get(id) ?? null;
  }

  selection(id: string): PoolSelection | null {
    return this.#selections.get(id) ?? null;
  }

  /** The services of a pool. */
  plansOf(pool: string): readonly ServicePlan[] {
    return this.#plans.get(pool) ?? [];
  }

  /** The checks of all members. */
  *checks(): Iterable<CheckPlan> {
    for (const pool of this.pools.values()) {
      for (const { check } of pool.instances.values()) if (check !== null) yield check;
      for (const plan of this.plansOf(pool.plan.key)) yield* directChecksOf(plan, pool.instances);
    }
  }

  /** The checks of direct server return that one member has. */
  directChecks(pool: PoolRuntime, member: string): CheckPlan[] {
    const instance = pool.instances.get(member);
    if (instance === undefined) return [];
    const alone = new Map([[member, instance]]);
    return this.plansOf(pool.plan.key).flatMap((plan) => directChecksOf(plan, alone));
  }

  /** When a pool next has something to do. */
  nextBootMs(): number | null {
    const { timers } = this.#changes;
    if (this.#next?.timers !== timers) {
      let bootMs: number | null = null;
      for (const pool of this.pools.values()) bootMs = earlier(bootMs, pool.nextBootMs());
      this.#next = { timers, bootMs };
    }
    return this.#next.bootMs;
  }

  /** Whether `compile` may give something else than it did last. */
  get dirty(): boolean {
    return this.#compiledAt !== this.#changes.slots;
  }

  /** What the kernel is to do, as compiled last. */
  get desired(): DesiredBalancer {
    return { services: [...this.#services.values()] };
  }

  /** Brings `desired` up to date; whether it changed. */
  compile(loads: Loads, now: Now): boolean {
    const before = this.#services;
    const services = new Map<string, DesiredService>();
    const selections = new Map<string, PoolSelection>();
    for (const plan of this.layout.services) {
      const pool = this.pools.get(plan.pool.key)!;
      if (isIdle(plan, pool.instances) && this.#otherFamilyServes(plan)) continue;
      const isClean = this.#compiled.get(plan.pool.key) === pool.version;
      const known = isClean && this.#own.has(plan.id) ? before.get(plan.id) : undefined;
      services.set(plan.id, known ?? this.#compile(plan, isClean, selections, loads, now));
      this.#own.add(plan.id);
    }
    for (const [key, { version }] of this.pools) this.#compiled.set(key, version);
    this.#compiledAt = this.#changes.slots;
    this.#services = services;
    return before.size !== services.size || [...services].some(([id, service]) => before.get(id) !== service);
  }

  /** `isClean`: slots are as they were. `selections`: what pools gave in this round, for services without full members. */
  #compile(
    plan: ServicePlan,
    isClean: boolean,
    selections: Map<string, PoolSelection>,
    loads: Loads,
    now: Now,
  ): DesiredService {
    const pool = this.pools.get(plan.pool.key)!;
    const selection =
      (isClean ? this.#selections.get(plan.id) : undefined) ?? this.#select(plan, pool, selections, loads, now);
    this.#selections.set(plan.id, selection);
    const service = compileService(plan, pool.instances, selection, loads.share(loadBalancerKey(plan.loadBalancer)));
    const known = this.#services.get(plan.id);
    return known !== undefined && sameService(known, service) ? known : service;
  }

  #select(
    plan: ServicePlan,
    pool: PoolRuntime,
    selections: Map<string, PoolSelection>,
    loads: Loads,
    now: Now,
  ): PoolSelection {
    const full = loads.full(plan.id);
    if (full.size > 0) return pool.selection(full, loads.load(pool), now);
    const selection = selections.get(plan.pool.key) ?? pool.selection(full, loads.load(pool), now);
    selections.set(plan.pool.key, selection);
    return selection;
  }

  #otherFamilyServes(plan: ServicePlan): boolean {
    const { loadBalancer, listener } = plan;
    return this.layout.services.some(
      (other) =>
        other.loadBalancer === loadBalancer &&
        other.listener === listener &&
        other.family !== plan.family &&
        this.pools.get(other.pool.key)!.instances.size > 0,
    );
  }
}
