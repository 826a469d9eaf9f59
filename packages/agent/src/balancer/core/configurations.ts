import { type BalancerConfiguration, BalancingError, type Transition } from '@higgins/balancing';
import type { ConfigurationOutcome } from './actions.js';
import { BalancerState, type Loads, type SavedPools } from './balancer-state.js';
import { ConfigurationError, type Layout, lastingSeedOf, layOut, loadBalancerKey, type NamePlan } from './layout.js';
import { FIRST_RESOLUTION_MS_MAX } from './limits.js';
import type { NameBook } from './name-book.js';
import type { Now } from './now.js';
import type { PoolRuntime } from './pool-runtime.js';

/** A configuration that is to be put in force. */
export interface ConfigurationRequest {
  readonly configuration: BalancerConfiguration;
  /** Path of the file or of the track. */
  readonly source: string;
  /** Tells the answer from others. */
  readonly ticket: number;
  /** Whether it ends what a flush began. */
  readonly resume: boolean;
}

/** A configuration that the kernel is to be told of. */
export interface Installed {
  readonly request: ConfigurationRequest;
  readonly state: BalancerState;
  readonly before: BalancerState | null;
  /** What the change did to members that both have, by pool. */
  readonly transitions: ReadonlyMap<string, Transition[]>;
}

interface Staged {
  readonly request: ConfigurationRequest;
  readonly layout: Layout;
  readonly deadlineBootMs: number;
}

/**
 * The configuration in force, the one before it until the kernel has it, and the next one until its names are resolved:
 * a reload never makes a pool empty for want of an answer, and one that fails at any step leaves the running one as it is.
 */
export class Configurations {
  readonly #names: NameBook;
  readonly #looks: boolean;
  readonly #seeds: Map<string, number>;
  readonly #saved: SavedPools;
  readonly #answers: { readonly ticket: number; readonly outcome: ConfigurationOutcome }[] = [];
  #current: BalancerState | null = null;
  #previous: BalancerState | null = null;
  #staged: Staged | null = null;
  /** Waits for the kernel; the program of this number or a later one has it. */
  #candidate: { readonly request: ConfigurationRequest; number: number | null } | null = null;
  #text: string | null = null;
  revision = 0;
  appliedWallMs: number | null = null;
  refused: { readonly reason: string; readonly atWallMs: number } | null = null;

  /** `looks`: as `layOut` takes it. */
  constructor(names: NameBook, seeds: Iterable<readonly [string, number]>, saved: SavedPools, looks: boolean) {
    this.#names = names;
    this.#looks = looks;
    this.#seeds = new Map(seeds);
    this.#saved = saved;
  }

  get current(): BalancerState | null {
    return this.#current;
  }

  /** The state in force as well as the candidate: both learn of everything, so that either can go on. */
  get states(): readonly BalancerState[] {
    return [this.#current, this.#previous].filter((state) => state !== null);
  }

  /** The request that waits for its names. */
  get staged(): ConfigurationRequest | null {
    return this.#staged?.request ?? null;
  }

  /** Every pool of these states once, with the state that speaks for it: the current one if it has it. */
  pools(): readonly (readonly [BalancerState, PoolRuntime])[] {
    const seen = new Map<PoolRuntime, BalancerState>();
    for (const state of this.states)
      for (const pool of state.pools.values()) if (!seen.has(pool)) seen.set(pool, state);
    return [...seen].map(([pool, state]) => [state, pool] as const);
  }

  /** The same for the pools of one key. */
  poolsOf(key: string): readonly (readonly [BalancerState, PoolRuntime])[] {
    const [current, previous] = this.states;
    const pool = current?.pools.get(key);
    const other = previous?.pools.get(key);
    const pairs: (readonly [BalancerState, PoolRuntime])[] = [];
    if (current !== undefined && pool !== undefined) pairs.push([current, pool]);
    if (previous !== undefined && other !== undefined && other !== pool) pairs.push([previous, other]);
    return pairs;
  }

  get seeds(): ReadonlyMap<string, number> {
    return this.#seeds;
  }

  /** The next answer to a request. */
  takeAnswer(): { readonly ticket: number; readonly outcome: ConfigurationOutcome } | null {
    return this.#answers.shift() ?? null;
  }

  /** What another configuration amounts to, without touching anything. @throws ConfigurationError; BalancingError. */
  preview(configuration: BalancerConfiguration, loads: Loads, now: Now): BalancerState {
    const layout = layOut(configuration, this.#seeds, this.#looks);
    const options = { names: this.#names, saved: this.#saved, now };
    const state = this.#current
      ? this.#current.reconfigured(configuration, layout, this.#names, now)[0]
      : BalancerState.create(configuration, layout, options);
    state.compile(loads, now);
    return state;
  }

  /**
   * Takes up a configuration; one that waits is overtaken. False: it is what is in force already, which is answered.
   *
   * @throws ConfigurationError if it can't be carried out; that is answered too
   */
  request(request: ConfigurationRequest, force: boolean, now: Now): boolean {
    if (!force && this.#candidate === null && textOf(request.configuration) === this.#text) {
      this.#overtake(request);
      this.refused = null;
      this.#answer(request, { ok: true, revision: this.revision, changed: false });
      return false;
    }
    const layout = this.#attempt(request, now, () => layOut(request.configuration, this.#seeds, this.#looks));
    this.#overtake(request);
    this.#staged = { request, layout, deadlineBootMs: now.bootMs + FIRST_RESOLUTION_MS_MAX };
    this.#followNames(now);
    return true;
  }

  /** When a staged configuration waits no longer. */
  nextBootMs(): number | null {
    return this.#staged?.deadlineBootMs ?? null;
  }

  /** Installs what is staged once its names are known. @throws ConfigurationError, which is answered. */
  install(loads: Loads, now: Now): Installed | null {
    const staged = this.#staged;
    if (staged === null || (staged.deadlineBootMs > now.bootMs && this.#names.untried(staged.layout.names)))
      return null;
    this.#staged = null;
    const { request, layout } = staged;
    const before = this.#current;
    const installed = this.#attempt(request, now, () => this.#build(request, layout, loads, now));
    if (this.#candidate !== null) this.#answer(this.#candidate.request, overtaken());
    this.#previous ??= before;
    this.#current = installed.state;
    this.#candidate = { request, number: null };
    return installed;
  }

  /** The kernel will have the candidate with the program of this number. */
  programmedAs(number: number): void {
    if (this.#candidate !== null) this.#candidate.number ??= number;
  }

  /** The kernel has everything up to a number: the request that is in force with it; null: no news. */
  succeeded(number: number, now: Now): ConfigurationRequest | null {
    const candidate = this.#candidate;
    if (candidate?.number == null || candidate.number > number) return null;
    this.#commit(candidate.request, now);
    return candidate.request;
  }

  /** The candidate is in force without the kernel, from which everything was removed. */
  succeededWithoutKernel(now: Now): void {
    if (this.#candidate !== null) this.#commit(this.#candidate.request, now);
  }

  /** The kernel refused a program. If it held the candidate, the configuration before is in force again: its request. */
  failed(number: number, reason: string, now: Now): ConfigurationRequest | null {
    const candidate = this.#candidate;
    if (candidate?.number == null || candidate.number > number || this.#previous === null) return null;
    this.#candidate = null;
    this.#current = this.#previous;
    this.#previous = null;
    this.#refuse(candidate.request, reason, true, now);
    this.#followNames(now);
    return candidate.request;
  }

  #build(request: ConfigurationRequest, layout: Layout, loads: Loads, now: Now): Installed {
    const { configuration } = request;
    const names = this.#names;
    const before = this.#current;
    const [state, transitions] = before
      ? before.reconfigured(configuration, layout, names, now)
      : ([BalancerState.create(configuration, layout, { names, saved: this.#saved, now }), new Map()] as const);
    // What can't be compiled must not be installed.
    state.compile(loads, now);
    return { request, state, before, transitions };
  }

  #commit(request: ConfigurationRequest, now: Now): void {
    this.#candidate = null;
    this.#previous = null;
    this.revision += 1;
    this.appliedWallMs = Math.round(now.wallMs);
    this.refused = null;
    this.#text = textOf(request.configuration);
    for (const each of request.configuration.loadBalancers) {
      if (each.seed === null) this.#seeds.set(loadBalancerKey(each), lastingSeedOf(each, this.#seeds));
    }
    this.#followNames(now);
    this.#answer(request, { ok: true, revision: this.revision, changed: true });
  }

  #attempt<Result>(request: ConfigurationRequest, now: Now, run: () => Result): Result {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof ConfigurationError || error instanceof BalancingError)) throw error;
      this.#refuse(request, error.message, false, now);
      throw new ConfigurationError(error.message, { cause: error });
    }
  }

  #overtake(by: ConfigurationRequest): void {
    if (this.#staged !== null && this.#staged.request !== by) this.#answer(this.#staged.request, overtaken());
    this.#staged = null;
  }

  #refuse(request: ConfigurationRequest, reason: string, transient: boolean, now: Now): void {
    this.refused = { reason, atWallMs: Math.round(now.wallMs) };
    this.#answer(request, { ok: false, reason, transient });
  }

  #answer({ ticket }: ConfigurationRequest, outcome: ConfigurationOutcome): void {
    this.#answers.push({ ticket, outcome });
  }

  /** Names of everything that is, was or will be in force are followed. */
  #followNames(now: Now): void {
    const layouts = [this.#staged?.layout, ...this.states.map(({ layout }) => layout)];
    const plans = new Map<string, NamePlan>();
    for (const layout of layouts) {
      for (const plan of layout?.names.values() ?? []) plans.set(plan.key, union(plans.get(plan.key), plan));
    }
    this.#names.configure(plans, now);
  }
}

function union(one: NamePlan | undefined, other: NamePlan): NamePlan {
  const families = ([4, 6] as const).filter(
    (family) => one?.families.includes(family) || other.families.includes(family),
  );
  return { ...other, families };
}

function overtaken(): ConfigurationOutcome {
  return { ok: false, reason: 'a newer configuration came before this one was in force', transient: false };
}

function textOf(configuration: BalancerConfiguration): string {
  return JSON.stringify(configuration);
}
