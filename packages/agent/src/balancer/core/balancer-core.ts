import type { Transition } from '@higgins/balancing';
import type { ServiceCounters } from '../../targets/maglev/model.js';
import type { BalancerAction } from './actions.js';
import type { BalancerState } from './balancer-state.js';
import { CertificateWatch } from './certificate-watch.js';
import { CheckBook } from './check-book.js';
import { type ConfigurationRequest, Configurations } from './configurations.js';
import type { CheckResult, ResolutionResult } from './contract.js';
import { CutBook } from './cut-book.js';
import { DrainBook, selects } from './drain-book.js';
import { DrainWatch } from './drain-watch.js';
import { EventQueue, occurrenceOf, shortened } from './event-queue.js';
import type { BalancerOccurrence, MemberName } from './events.js';
import { FlowLoads } from './flow-loads.js';
import { FlowSampler } from './flow-sampler.js';
import { KernelLane } from './kernel-lane.js';
import { ConfigurationError } from './layout.js';
import { leavers, leavesBehind, serves } from './leavers.js';
import { instancesOf } from './members.js';
import { NameBook, type NameChange } from './name-book.js';
import { earlier, type Now } from './now.js';
import type { PoolRuntime } from './pool-runtime.js';
import { PublicationQueue } from './publication.js';
import { restorableMembers, type SavedState, savedMembers } from './saved-state.js';
import { Saver } from './saver.js';
import { ControlError, type DrainOptions, type MemberSelector } from './status.js';
import { TrafficBook } from './traffic.js';

/** What a core begins with. */
export interface BalancerCoreOptions {
  /** In [0, 1). */
  readonly random: () => number;
  readonly bootId: string;
  /** What an earlier life left, on the clock of this boot (`rebased`); null: nothing. */
  readonly saved: SavedState | null;
  readonly now: Now;
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
  readonly loads: FlowLoads;
  readonly kernel: KernelLane;
  readonly configurations: Configurations;
  readonly drains: DrainBook;
  readonly #sampler: FlowSampler;
  readonly #drainWatch = new DrainWatch();
  readonly #certificates = new CertificateWatch();
  readonly #cuts = new CutBook();
  readonly #events = new EventQueue();
  readonly #publications = new PublicationQueue();
  readonly #saver = new Saver();
  readonly #bootId: string;

  constructor({ random, bootId, saved, now }: BalancerCoreOptions) {
    this.names = new NameBook(random, saved?.names);
    this.checks = new CheckBook(random);
    this.#sampler = new FlowSampler(now);
    this.loads = new FlowLoads(this.#sampler, this.checks);
    this.kernel = new KernelLane(random, saved?.flushed ?? false, now);
    const pools = new Map(saved?.pools.map(({ key, members }) => [key, restorableMembers(members)] as const));
    this.configurations = new Configurations(this.names, saved?.seeds ?? [], pools);
    this.drains = new DrainBook(saved?.drains ?? []);
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
    const plan = this.checks.done(key, result, now);
    if (plan === null) return;
    let suspicious = false;
    for (const [state, pool] of this.configurations.poolsOf(plan.pool)) {
      if (pool.instances.get(plan.member)?.check?.key !== key) continue;
      if (result.inconclusive !== true) this.#took(state, pool, pool.check(plan.member, result.ok, now), now);
      suspicious ||= pool.isSuspicious(plan.member);
    }
    this.checks.schedule(key, suspicious);
    const { certificateEndsWallMs: endsAtWallMs } = result;
    const name = this.state?.pools.get(plan.pool)?.plan.name;
    if (endsAtWallMs === undefined || name === undefined) return;
    if (!this.#certificates.see(key, endsAtWallMs, now)) return;
    this.note({ kind: 'certificate-ending', ...name, member: plan.member, endsAtWallMs }, now);
  }

  resolved(key: string, result: ResolutionResult, now: Now): void {
    this.#named(this.names.resolved(key, result, now), now);
  }

  resolutionFailed(key: string, reason: string, now: Now): void {
    this.#named(this.names.failed(key, shortened(reason), now), now);
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
      this.#retainChecks();
      this.#compile(true, now);
    } else if (begun) this.note({ kind: 'kernel-failed', reason }, now);
  }

  /** What a verification found: in words, what is not as it should be; null if it could not look. */
  verified(findings: readonly string[] | null, now: Now): void {
    this.kernel.done(now);
    if (findings === null) return;
    this.kernel.verified(findings.length === 0, now);
    if (findings.length === 0) return;
    this.note({ kind: 'kernel-drift', findings: findings.map(shortened) }, now);
    this.#compile(true, now);
  }

  /** The kernel's counters; null if they could not be read. */
  counted(counters: readonly ServiceCounters[] | null, now: Now): void {
    this.kernel.done(now);
    const { state } = this;
    if (counters === null || state === null) return;
    const byId = new Map(counters.map((each) => [each.id, each]));
    for (const pool of state.pools.values()) this.#judgeTraffic(state, pool, byId, now);
  }

  /** The flows of the sample in flight; null if they could not be counted. */
  sampled(connections: number | null, now: Now): void {
    const { state } = this;
    if (!this.#sampler.done(connections, now) || state === null) return;
    this.loads.judgeFull(state);
    for (const pool of state.pools.values()) {
      const connectionsOf = (member: string) => this.loads.connections(pool, member);
      const { empty, progress } = this.#drainWatch.look(pool, connectionsOf, now);
      for (const occurrence of progress) this.note(occurrence, now);
      for (const member of empty) this.#took(state, pool, pool.empty(member, now), now);
    }
  }

  /** The cut in flight ended so many flows; null if it failed. */
  cutDone(flows: number | null, now: Now): void {
    const cut = this.#cuts.done(flows !== null, now);
    if (cut !== null && flows) this.note({ kind: 'flows-cut', ...cut.name, service: cut.service.id, flows }, now);
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
    this.#saver.changed();
  }

  /** The state on disk is what the last `persist` said; or it could not be written, and is tried again. */
  persisted(worked: boolean, now: Now): void {
    this.#saver.done(worked, now);
  }

  /** Has everything removed from the kernel, until a configuration resumes. */
  flush(): void {
    this.kernel.flush();
    this.#saver.changed();
  }

  /** Ends new flows to the members that are named. @throws ControlError `not-found`. */
  drain(selector: MemberSelector, { deadlineMs }: DrainOptions, now: Now): MemberName[] {
    return this.#administerNamed(selector, now, (pool, member) => {
      const leftMs = deadlineMs === undefined ? pool.plan.pool.drainMs : deadlineMs;
      const deadlineBootMs = leftMs === null ? null : now.bootMs + leftMs;
      this.drains.drain(pool.plan, member, deadlineBootMs);
      return deadlineBootMs;
    });
  }

  /** Ends a drain. @throws ControlError `not-found`. */
  undrain(selector: MemberSelector, now: Now): MemberName[] {
    return this.#administerNamed(selector, now, (pool, member) => {
      this.drains.undrain(pool.plan, member);
      return undefined;
    });
  }

  /** Tells of something, also of what the shell noticed. */
  note(occurrence: BalancerOccurrence, now: Now): void {
    this.#events.add(occurrence, now);
  }

  /** Handles what is due by time. */
  tick(now: Now): void {
    if (this.configurations.states.some((state) => (state.nextBootMs() ?? Infinity) <= now.bootMs)) this.#advance(now);
    this.#install(now);
    this.#compile(false, now);
  }

  /** When `tick` and `next` are to be called if nothing happens before; null: not at all. */
  nextBootMs(): number | null {
    const flows = this.kernel.isInForce && !this.#isCutting;
    return [
      this.configurations.nextBootMs(),
      this.state?.nextBootMs() ?? null,
      this.checks.nextBootMs(),
      this.names.nextBootMs(),
      this.kernel.nextBootMs(),
      flows ? earlier(this.#sampler.nextBootMs(), this.#cuts.nextBootMs()) : null,
      this.#saver.nextBootMs(),
    ].reduce(earlier, null);
  }

  /** The next thing to do, the most urgent first; null: nothing now. */
  next(now: Now): BalancerAction | null {
    return this.kernel.next(now) ?? this.#nextForFlows(now) ?? this.#nextToTell() ?? this.#nextAtLeisure(now);
  }

  get #isCutting(): boolean {
    return this.#cuts.busy || this.#sampler.busy;
  }

  #nextForFlows(now: Now): BalancerAction | null {
    const { state } = this;
    const applied = this.kernel.programmer.applied?.number;
    if (this.#isCutting || state === null || applied === undefined) return null;
    const cut = this.#cuts.take(applied, (each) => serves(state, each), now);
    if (cut !== null) return { kind: 'cut', cut };
    const sample = this.#sampler.take(() => this.loads.wish(state), now);
    return sample && { kind: 'sample', sample };
  }

  #nextToTell(): BalancerAction | null {
    const event = this.#events.take();
    if (event !== null) return { kind: 'event', event };
    const answer = this.configurations.takeAnswer();
    return answer && { kind: 'configured', ...answer };
  }

  #nextAtLeisure(now: Now): BalancerAction | null {
    const check = this.checks.take(now);
    if (check !== null) return { kind: 'check', key: check.key, pool: check.pool, order: check.order };
    const name = this.names.take(now);
    if (name !== null) return { kind: 'resolve', ...name };
    const publication = this.#publications.take(this.state, now);
    if (publication !== null) return { kind: 'publish', ...publication };
    return this.#saver.take(now) ? { kind: 'persist', state: this.#saved(now) } : null;
  }

  #advance(now: Now): void {
    for (const [state, pool] of this.configurations.pools()) {
      if (!pool.isDue(now)) continue;
      this.#took(state, pool, pool.advance(now), now);
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
      if (before !== null) for (const each of leavesBehind(before, state)) this.#cuts.add(each);
      if (installed.request.resume) this.kernel.resume();
      this.#follow(now);
      for (const [key, pool] of state.pools) this.#took(state, pool, transitions.get(key) ?? [], now);
      for (const pool of state.pools.values()) this.#administer(state, pool, now);
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
    this.#retainChecks();
    const services = new Set(state.layout.services.map(({ id }) => id));
    this.traffic.retain(services);
    this.#sampler.retain(services);
    this.#publications.follow(state);
    this.#saver.changed();
    this.note({ kind: 'configuration-applied', source, revision: this.configurations.revision }, now);
  }

  /** Another state is the current one. */
  #follow(now: Now): void {
    const { state } = this;
    if (state === null) return;
    this.loads.follow(state);
    for (const plan of state.checks()) this.checks.add(plan, now);
  }

  /** Members that are in no state any more are checked no more. */
  #retainChecks(): void {
    const states = this.configurations.states;
    const keys = new Set(states.flatMap((state) => [...state.checks()].map(({ key }) => key)));
    this.checks.retain(keys);
    this.#certificates.retain(keys);
  }

  /** Brings the desired state up to date and has it programmed if it changed, or `always`; its number. */
  #compile(always: boolean, now: Now): number {
    const { state } = this;
    const { programmer } = this.kernel;
    if (state === null || this.kernel.isFlushed) return programmer.number;
    if (state.dirty || always) {
      const changed = state.compile(this.loads, now);
      if (changed || always) programmer.want(state.desired, now);
      this.#cuts.compiled(programmer.number);
    }
    return programmer.number;
  }

  /** What became of members: told, published, saved, and their flows cut where they must not go on. */
  #took(state: BalancerState, pool: PoolRuntime, transitions: readonly Transition[], now: Now): void {
    // The state that a reload is about to replace learns of everything, but is not spoken of.
    if (transitions.length === 0 || state !== this.state) return;
    for (const transition of transitions) {
      const instance = transition.kind === 'member' ? pool.instances.get(transition.member) : undefined;
      const failure = instance?.check ? this.checks.lastFailure(instance.check.key) : null;
      const occurrence = occurrenceOf(transition, pool.plan.name, instance, failure, now);
      if (occurrence !== null) this.note(occurrence, now);
      if (transition.kind === 'member') for (const cut of leavers(state, pool, transition)) this.#cuts.add(cut);
    }
    this.#publications.changed(pool.plan.name);
    this.#saver.changed();
  }

  #named(change: NameChange | null, now: Now): void {
    if (change === null) return;
    const { host, addresses, changed, turned, failure } = change;
    if (failure !== null && turned) this.note({ kind: 'name-stale', host, reason: failure, kept: addresses }, now);
    if (failure === null && (turned || changed)) this.note({ kind: 'name-resolved', host, addresses }, now);
    if (failure === null) this.#saver.changed();
    if (!changed) return;
    for (const [state, pool] of this.configurations.pools()) this.#move(state, pool, now);
    this.#retainChecks();
  }

  #move(state: BalancerState, pool: PoolRuntime, now: Now): void {
    const before = pool.instances;
    const transitions = pool.move(instancesOf(pool.plan, this.names), now);
    if (transitions === null) return;
    if (state === this.state) {
      for (const cut of leavesBehind(state, state, pool.plan.key, before)) this.#cuts.add(cut);
      this.#follow(now);
    }
    this.#took(state, pool, transitions, now);
    this.#administer(state, pool, now);
    this.#publications.changed(pool.plan.name);
  }

  #administer(state: BalancerState, pool: PoolRuntime, now: Now): void {
    const wanted = pool.administer(({ member }) => this.drains.wanted(pool.plan, member, now.bootMs), now);
    this.#took(state, pool, wanted, now);
  }

  /** `change` gives the deadline that a drain under way is to have from now on, or undefined. */
  #administerNamed(
    selector: MemberSelector,
    now: Now,
    change: (pool: PoolRuntime, member: string) => number | null | undefined,
  ): MemberName[] {
    const named: MemberName[] = [];
    let found = false;
    for (const [state, pool] of this.configurations.pools()) {
      const member = pool.plan.pool.members.find(({ name }) => selects(selector, pool.plan, name));
      if (member === undefined) continue;
      found = true;
      const deadlineBootMs = change(pool, member.name);
      const instances = [...pool.instances.values()].filter((instance) => instance.member === member);
      if (deadlineBootMs !== undefined) {
        for (const { name } of instances) this.#took(state, pool, pool.redrain(name, deadlineBootMs, now), now);
      }
      this.#administer(state, pool, now);
      if (state === this.state) named.push(...instances.map(({ name }) => ({ ...pool.plan.name, member: name })));
    }
    if (!found) throw new ControlError('not-found', `no member is named ${JSON.stringify(selector)}`);
    this.#saver.changed();
    return named;
  }

  #judgeTraffic(
    state: BalancerState,
    pool: PoolRuntime,
    counters: ReadonlyMap<string, ServiceCounters>,
    now: Now,
  ): void {
    const isJudged = pool.plan.settings.outlier !== null;
    let flows = 0;
    for (const { id, listener } of state.plansOf(pool.plan.key)) {
      const counted = counters.get(id);
      if (counted === undefined) continue;
      for (const difference of this.traffic.counted(counted, listener.timeouts.connectMs, now.bootMs)) {
        const { member, sample } = difference;
        flows += difference.flows;
        if (!isJudged || sample.successes + sample.failures === 0 || !pool.instances.has(member)) continue;
        this.#took(state, pool, pool.traffic(member, sample, now), now);
      }
    }
    this.loads.arrived(pool.plan.key, flows);
  }

  #saved(now: Now): SavedState {
    return {
      ...{ version: 1, bootId: this.#bootId, bootMs: now.bootMs, wallMs: now.wallMs },
      seeds: [...this.configurations.seeds],
      names: this.names.saved(now),
      pools: [...(this.state?.pools ?? [])].map(([key, pool]) => ({ key, members: savedMembers(pool.report()) })),
      drains: this.drains.saved(),
      flushed: this.kernel.isFlushed,
    };
  }
}
