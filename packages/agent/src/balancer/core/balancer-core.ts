import type { ServiceCounters } from '../../targets/maglev/model.js';
import type { BalancerAction } from './actions.js';
import { Administration } from './administration.js';
import type { BalancerState } from './balancer-state.js';
import { CheckBook } from './check-book.js';
import { CheckJudge } from './check-judge.js';
import { type ConfigurationRequest, Configurations } from './configurations.js';
import type { CheckResult, ResolutionResult } from './contract.js';
import { shortened } from './event-queue.js';
import type { BalancerOccurrence } from './events.js';
import { FlowLane } from './flow-lane.js';
import { FlowLoads } from './flow-loads.js';
import { FlowSampler } from './flow-sampler.js';
import { KernelLane } from './kernel-lane.js';
import { ConfigurationError, loadBalancerKey } from './layout.js';
import { Ledger } from './ledger.js';
import { LiveNodes } from './live-nodes.js';
import { instancesOf } from './members.js';
import { NameBook, type NameChange } from './name-book.js';
import { earlier, type Now } from './now.js';
import type { PoolRuntime } from './pool-runtime.js';
import { restorableMembers, type SavedState, savedMembers } from './saved-state.js';
import { TrafficBook } from './traffic.js';
import { judgeTraffic } from './traffic-judge.js';

/** What a core begins with. */
export interface BalancerCoreOptions {
  /** In [0, 1). */
  readonly random: () => number;
  readonly bootId: string;
  /** What an earlier life left, on the clock of this boot (`rebased`); null: nothing. */
  readonly saved: SavedState | null;
  readonly now: Now;
  /** Whether checks of direct server return can be carried out; if not, members are not held back. Default false. */
  readonly looks?: boolean;
  /** This node, and the nodes of its PoP that may share limits with it; default: it is alone. */
  readonly pop?: { readonly node: string; readonly nodes: readonly string[] };
}

/**
 * Decides everything that a balancer does. Pure: configurations, results and times in, actions out through `next`.
 *
 * One desired state is on its way to the kernel, and the newest waits; nothing but the kernel itself delays it. After
 * every input, and at `nextBootMs`, call `tick` and then `next` until it gives null.
 */
export class BalancerCore {
  readonly names: NameBook;
  readonly checks: CheckBook;
  readonly traffic = new TrafficBook();
  readonly nodes: LiveNodes;
  readonly loads: FlowLoads;
  readonly kernel: KernelLane;
  readonly configurations: Configurations;
  readonly administration: Administration;
  readonly #ledger: Ledger;
  readonly #judge: CheckJudge;
  readonly #flows: FlowLane;
  readonly #bootId: string;

  constructor({ random, bootId, saved, now, looks = false, pop = { node: '', nodes: [] } }: BalancerCoreOptions) {
    this.names = new NameBook(random, saved?.names);
    this.checks = new CheckBook(random);
    const sampler = new FlowSampler(now);
    this.nodes = new LiveNodes(pop.node, pop.nodes, saved?.nodes ?? [], now);
    this.loads = new FlowLoads(sampler, this.checks, this.nodes);
    this.kernel = new KernelLane(random, saved?.flushed ?? false, now);
    const pools = new Map(saved?.pools.map(({ key, members }) => [key, restorableMembers(members)] as const));
    this.configurations = new Configurations(this.names, saved?.seeds ?? [], pools, looks);
    this.#ledger = new Ledger(this.configurations, this.checks);
    this.#judge = new CheckJudge(this.configurations, this.checks, this.#ledger);
    this.#flows = new FlowLane(sampler, this.loads, this.#ledger);
    this.administration = new Administration(this.configurations, this.#ledger, saved?.drains ?? []);
    this.#bootId = bootId;
  }

  /** What is balanced, and what is known of it; null before the first configuration. */
  get state(): BalancerState | null {
    return this.configurations.current;
  }

  /** Asks for a configuration to be put in force; a `configured` action with its ticket tells what became of it. */
  configure(request: ConfigurationRequest, now: Now): void {
    const force = request.resume && this.kernel.isFlushed;
    this.#refusable(request, now, () => this.configurations.request(request, force, now));
  }

  /** The result of the check of this key. */
  checked(key: string, result: CheckResult, now: Now): void {
    this.#judge.took(key, result, now);
  }

  resolved(key: string, result: ResolutionResult, now: Now): void {
    this.#named(this.names.resolved(key, result, now), now);
  }

  resolutionFailed(key: string, reason: string, now: Now): void {
    this.#named(this.names.failed(key, shortened(reason), now), now);
  }

  /** The bus, on which other nodes of the PoP are heard, is there or is gone. */
  busChanged(connected: boolean, now: Now): void {
    this.nodes.bus(connected, now);
  }

  /** What another node of the PoP tells of a load balancer holds, or holds no more. */
  nodeHeard(loadBalancer: Parameters<typeof loadBalancerKey>[0], node: string, live: boolean, now: Now): void {
    const key = loadBalancerKey(loadBalancer);
    if (this.nodes.heard(key, node, live, now)) this.#reshare(key);
  }

  /** The kernel has the program in flight. */
  programmed(now: Now): void {
    this.kernel.done(now);
    const { programmer } = this.kernel;
    if (programmer.succeeded(now)) this.note({ kind: 'kernel-recovered' }, now);
    const request = this.configurations.succeeded(programmer.applied?.number ?? 0, now);
    if (request !== null) this.#inForce(request, now);
  }

  /** The kernel refused the program in flight, and has what it had. */
  programFailed(text: string, now: Now): void {
    const reason = shortened(text);
    this.kernel.done(now);
    const number = this.kernel.programmer.inFlight?.number ?? 0;
    const begun = this.kernel.programmer.failed(reason, now);
    const request = this.configurations.failed(number, reason, now);
    if (request !== null) {
      this.note({ kind: 'configuration-refused', source: request.source, reason }, now);
      this.kernel.programmer.drop();
      this.#follow(now);
      this.#judge.retain();
      this.#compile(true, now);
    } else if (begun) this.note({ kind: 'kernel-failed', reason }, now);
  }

  /** What a verification found: in words, what is not as it should be; null if it could not look. */
  verified(findings: readonly string[] | null, now: Now): void {
    this.kernel.done(now);
    if (findings === null) return;
    const turned = this.kernel.verified(findings.length === 0, now);
    if (findings.length === 0) return;
    if (turned) this.note({ kind: 'kernel-drift', findings: findings.map(shortened) }, now);
    this.#compile(true, now);
  }

  /** The kernel's counters; null if they could not be read. */
  counted(counters: readonly ServiceCounters[] | null, now: Now): void {
    this.kernel.done(now);
    const { state } = this;
    if (counters === null || state === null) return;
    const byId = new Map(counters.map((each) => [each.id, each]));
    for (const pool of state.pools.values()) {
      const { flows, transitions } = judgeTraffic(this.traffic, state, pool, byId, now);
      this.loads.arrived(pool.plan.key, flows);
      this.#ledger.took(state, pool, transitions, now);
    }
  }

  /** The flows of the sample in flight; null if they could not be counted. */
  sampled(connections: number | null, now: Now): void {
    this.#flows.sampled(this.state, connections, now);
  }

  /** The cut in flight ended so many flows; null if it failed. */
  cutDone(flows: number | null, now: Now): void {
    this.#flows.cutDone(flows, now);
  }

  /** Everything was removed from the kernel, or, with a reason, was not. */
  flushed(reason: string | null, now: Now): void {
    this.kernel.done(now);
    if (reason === null) {
      this.kernel.programmer.forget();
      return;
    }
    this.note({ kind: 'kernel-failed', reason: shortened(reason) }, now);
    this.kernel.resume();
    this.#compile(true, now);
    this.#ledger.saver.changed();
  }

  /** The state on disk is what the last `persist` said; or it could not be written, and is tried again. */
  persisted(worked: boolean, now: Now): void {
    this.#ledger.saver.done(worked, now);
  }

  /** Changes of state that are on disk. */
  get savedChanges(): number {
    return this.#ledger.saver.saved;
  }

  /** Has the state written without delay: it holds an order that must outlive us. Returns what `savedChanges` has to reach. */
  save(): number {
    return this.#ledger.saver.order();
  }

  /** Has everything removed from the kernel, until a configuration resumes. */
  flush(): void {
    this.kernel.flush();
    this.#ledger.saver.changed();
  }

  /** Tells of something, also of what the shell noticed. */
  note(occurrence: BalancerOccurrence, now: Now): void {
    this.#ledger.note(occurrence, now);
  }

  /** What the next life is to know; `persist` gives it when it has changed. */
  saved(now: Now): SavedState {
    return {
      ...{ version: 1, bootId: this.#bootId, bootMs: now.bootMs, wallMs: now.wallMs },
      seeds: [...this.configurations.seeds],
      names: this.names.saved(now),
      pools: [...(this.state?.pools ?? [])].map(([key, pool]) => ({ key, members: savedMembers(pool.report()) })),
      drains: this.administration.drains.saved(),
      nodes: this.nodes.saved(),
      flushed: this.kernel.isFlushed,
    };
  }

  /** Handles what is due by time. */
  tick(now: Now): void {
    if (this.configurations.states.some((state) => (state.nextBootMs() ?? Infinity) <= now.bootMs)) this.#advance(now);
    for (const loadBalancer of this.nodes.advance(now)) this.#reshare(loadBalancer);
    this.#install(now);
    this.#compile(false, now);
  }

  /** When `tick` and `next` are to be called if nothing happens before; null: not at all. */
  nextBootMs(): number | null {
    return [
      this.configurations.nextBootMs(),
      this.state?.nextBootMs() ?? null,
      this.checks.nextBootMs(),
      this.names.nextBootMs(),
      this.kernel.nextBootMs(),
      this.nodes.nextBootMs(),
      this.kernel.isInForce ? this.#flows.nextBootMs() : null,
      this.#ledger.saver.nextBootMs(),
    ].reduce(earlier, null);
  }

  /** The next thing to do, the most urgent first; null: nothing now. */
  next(now: Now): BalancerAction | null {
    return this.kernel.next(now) ?? this.#nextForFlows(now) ?? this.#nextToTell() ?? this.#nextAtLeisure(now);
  }

  #nextForFlows(now: Now): BalancerAction | null {
    const { state } = this;
    const applied = this.kernel.programmer.applied?.number;
    return state === null || applied === undefined ? null : this.#flows.next(state, applied, now);
  }

  #nextToTell(): BalancerAction | null {
    const event = this.#ledger.nextEvent();
    if (event !== null) return event;
    const answer = this.configurations.takeAnswer();
    return answer && { kind: 'configured', ...answer };
  }

  #nextAtLeisure(now: Now): BalancerAction | null {
    const check = this.checks.take(now);
    if (check !== null) return { kind: 'check', key: check.key, pool: check.pool, order: check.order };
    const name = this.names.take(now);
    if (name !== null) return { kind: 'resolve', ...name };
    const publication = this.#ledger.nextPublication(now);
    if (publication !== null) return publication;
    return this.#ledger.saver.take(now) ? { kind: 'persist', state: this.saved(now) } : null;
  }

  #advance(now: Now): void {
    for (const [state, pool] of this.configurations.pools()) {
      if (!pool.isDue(now)) continue;
      this.#ledger.took(state, pool, pool.advance(now), now);
      pool.weigh(this.loads.load(pool), now);
    }
  }

  /** Puts a configuration to work once its names are known; the kernel still has to take it. */
  #install(now: Now): void {
    const staged = this.configurations.staged;
    if (staged === null) return;
    this.#refusable(staged, now, () => {
      const installed = this.configurations.install(this.loads, now);
      if (installed === null) return;
      const { state, before, transitions } = installed;
      if (before !== null) this.#ledger.replaced(before, state);
      if (installed.request.resume) this.kernel.resume();
      this.#follow(now);
      for (const [key, pool] of state.pools) this.#ledger.took(state, pool, transitions.get(key) ?? [], now);
      for (const pool of state.pools.values()) this.administration.apply(state, pool, now);
      if (this.kernel.isFlushed) {
        this.configurations.succeededWithoutKernel(now);
        this.#inForce(installed.request, now);
      } else this.configurations.programmedAs(this.#compile(true, now));
    });
  }

  /** A refusal is told and answered; what is in force stays. */
  #refusable(request: ConfigurationRequest, now: Now, run: () => unknown): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      this.note({ kind: 'configuration-refused', source: request.source, reason: shortened(error.message) }, now);
    }
  }

  /** Everything that is known about other states is forgotten once a configuration is in force. */
  #inForce({ source }: ConfigurationRequest, now: Now): void {
    const { state } = this;
    if (state === null) return;
    this.#judge.retain();
    const services = new Set(state.layout.services.map(({ id }) => id));
    this.traffic.retain(services);
    this.#flows.retain(services);
    this.nodes.retain(new Set(state.layout.loadBalancers.map(loadBalancerKey)));
    this.#ledger.inForce(state, source, now);
  }

  /** This node has another part of the limits of a load balancer. */
  #reshare(loadBalancer: string): void {
    this.#ledger.saver.changed();
    for (const [, pool] of this.configurations.pools()) {
      const { owner, loadBalancer: name } = pool.plan.name;
      if (loadBalancerKey({ owner, name }) === loadBalancer) pool.touch();
    }
  }

  /** Another state is the current one. */
  #follow(now: Now): void {
    const { state } = this;
    if (state === null) return;
    this.loads.follow(state);
    for (const plan of state.checks()) this.checks.add(plan, now);
  }

  /** Brings the desired state up to date and has it programmed if it changed, or `always`; its number. */
  #compile(always: boolean, now: Now): number {
    const { state } = this;
    const { programmer } = this.kernel;
    if (state === null || this.kernel.isFlushed) return programmer.number;
    if (state.dirty || always) {
      const changed = state.compile(this.loads, now);
      if (changed || always) programmer.want(state.desired, now);
      this.#ledger.cuts.compiled(programmer.number);
    }
    return programmer.number;
  }

  #named(change: NameChange | null, now: Now): void {
    if (change === null) return;
    this.#ledger.named(change, now);
    if (!change.changed) return;
    for (const [state, pool] of this.configurations.pools()) this.#move(state, pool, now);
    this.#judge.retain();
  }

  #move(state: BalancerState, pool: PoolRuntime, now: Now): void {
    const before = pool.instances;
    const transitions = pool.move(instancesOf(pool.plan, this.names), now);
    if (transitions === null) return;
    this.#ledger.moved(state, pool, before);
    this.#follow(now);
    this.#ledger.took(state, pool, transitions, now);
    this.administration.apply(state, pool, now);
  }
}
