import type {
  ActiveCheck,
  BalancerConfiguration,
  Listener,
  LoadBalancer,
  Member,
  OutlierSettings,
  Pool,
} from '@higgins/balancing';
import type { DesiredBalancer, DesiredService, MemberCounters, ServiceCounters } from '../../targets/maglev/model.js';
import type { BalancerAction, ConfigurationOutcome } from './actions.js';
import { BalancerCore, type BalancerCoreOptions } from './balancer-core.js';
import type { CheckResult } from './contract.js';
import type { BalancerEvent } from './events.js';
import type { Now } from './now.js';
import { rebased, type SavedState } from './saved-state.js';

/** How long a look at a member of direct server return takes. */
const LOOK_MS = 600;

/** A wall clock that is told apart from the boot clock at a glance. */
const WALL_MS = 1_000_000;

/** What the world around a core does: whatever is not set is well. */
export interface World {
  /** Addresses of names; absent: nobody answers. */
  readonly names: Map<string, { addresses: readonly string[]; ttlMs: number | null }>;
  /** Members, by address, whose checks fail. */
  readonly dead: Set<string>;
  /** What looks at members of direct server return find wrong, by address. */
  readonly faults: Map<string, string>;
  /** Latency of checks by address; default 10 ms. */
  readonly latencyMs: Map<string, number>;
  /** Why the kernel refuses programs; null: it takes them. */
  kernelRefuses: string | null;
  /** How long the kernel takes for a program. */
  programMs: number;
  /** Whether DNS answers at all; checks and kernel go on if not. */
  dnsHangs: boolean;
  /** Flows by `service member`. */
  readonly flows: Map<string, number>;
  /** Counters by `service member`. */
  readonly counters: Map<string, MemberCounters>;
}

/** A shell for a core in virtual time: carries out actions against a small world and remembers what was done. */
export class Driver {
  readonly world: World = {
    ...{ names: new Map(), dead: new Set(), latencyMs: new Map(), flows: new Map(), counters: new Map() },
    faults: new Map(),
    ...{ kernelRefuses: null, programMs: 1, dnsHangs: false },
  };
  readonly core: BalancerCore;
  readonly events: BalancerEvent[] = [];
  readonly outcomes = new Map<number, ConfigurationOutcome>();
  readonly programs: DesiredBalancer[] = [];
  readonly cuts: string[] = [];
  readonly checks: { readonly atMs: number; readonly address: string }[] = [];
  readonly looks: { readonly atMs: number; readonly address: string }[] = [];
  readonly resolutions: { readonly atMs: number; readonly host: string }[] = [];
  readonly published: Extract<BalancerAction, { kind: 'publish' }>[] = [];
  saved: SavedState | null = null;
  nowMs: number;
  programsInFlight = 0;
  #tickets = 0;
  #random: number;
  readonly #due: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];

  constructor({
    seed = 1,
    saved = null,
    nowMs = 0,
    pop = { node: 'n1', nodes: [] },
    looks = false,
  }: {
    seed?: number;
    saved?: SavedState | null;
    nowMs?: number;
    pop?: NonNullable<BalancerCoreOptions['pop']>;
    looks?: boolean;
  } = {}) {
    this.nowMs = nowMs;
    this.#random = seed;
    const options = { random: () => this.#next(), bootId: 'boot', now: this.now(), pop, looks };
    this.core = new BalancerCore({ ...options, saved: saved && rebased(saved, 'boot', this.now()) });
  }

  now(): Now {
    return { bootMs: this.nowMs, wallMs: WALL_MS + this.nowMs };
  }

  /** Asks for a configuration and lets the core work on it; its ticket. */
  configure(configuration: BalancerConfiguration, resume = true): number {
    const ticket = ++this.#tickets;
    this.core.configure({ configuration, source: 'test.yaml', ticket, resume }, this.now());
    this.turn();
    return ticket;
  }

  /** Lets virtual time pass, event by event. */
  run(forMs: number): this {
    const endMs = this.nowMs + forMs;
    for (;;) {
      this.#due.sort((left, right) => left.atMs - right.atMs || left.order - right.order);
      const next = Math.min(this.core.nextBootMs() ?? Infinity, this.#due[0]?.atMs ?? Infinity);
      if (next > endMs) break;
      // A core that asks to be called in the past would turn for ever.
      this.nowMs = Math.max(this.nowMs, next);
      while ((this.#due[0]?.atMs ?? Infinity) <= this.nowMs) this.#due.shift()!.run();
      this.turn();
    }
    this.nowMs = endMs;
    return this;
  }

  turn(): void {
    this.core.tick(this.now());
    for (let action = this.core.next(this.now()); action; action = this.core.next(this.now())) this.#carryOut(action);
  }

  /** What the kernel has. */
  get inForce(): DesiredBalancer | null {
    return this.core.kernel.programmer.applied?.desired ?? null;
  }

  service(index = 0): DesiredService {
    return this.inForce!.services[index]!;
  }

  /** Names of those who have slots, in the kernel. */
  serving(index = 0): string {
    return [...(this.inForce?.services[index]?.table.members ?? [])].join(' ');
  }

  kinds(): string {
    return this.events.map(({ kind }) => kind).join(' ');
  }

  /** Adds to a member's counters. */
  count(member: string, difference: Partial<MemberCounters>, index = 0): void {
    const key = `${this.service(index).id} ${member}`;
    const before = this.world.counters.get(key) ?? NOTHING;
    const fields = Object.keys(NOTHING) as (keyof MemberCounters)[];
    const sums = fields.map((field) => [field, before[field] + (difference[field] ?? 0)] as const);
    this.world.counters.set(key, Object.fromEntries(sums) as unknown as MemberCounters);
  }

  #carryOut(action: BalancerAction): void {
    switch (action.kind) {
      case 'program':
        this.#program(action.program.desired);
        break;
      case 'verify':
        this.#after(0, () => this.core.verified([], this.now()));
        break;
      case 'count':
        this.#after(0, () => this.core.counted(this.#counters(), this.now()));
        break;
      case 'flush':
        this.#after(0, () => this.core.flushed(null, this.now()));
        break;
      case 'cut':
        this.cuts.push(`${action.cut.service.protocol} ${action.cut.member}`);
        this.#after(0, () => this.core.cutDone(1, this.now()));
        break;
      case 'sample': {
        const { service, member } = action.sample;
        this.#after(0, () => this.core.sampled(this.world.flows.get(`${service.id} ${member}`) ?? 0, this.now()));
        break;
      }
      case 'check':
        if (action.order.direct !== undefined) {
          this.#look(action.key, action.order.address);
          break;
        }
        this.checks.push({ atMs: this.nowMs, address: action.order.address });
        this.#check(action.key, action.order.address, action.order.check.timeoutMs);
        break;
      case 'resolve':
        this.resolutions.push({ atMs: this.nowMs, host: action.order.host });
        this.#resolve(action.key, action.order.host);
        break;
      case 'event':
        this.events.push(action.event);
        break;
      case 'configured':
        this.outcomes.set(action.ticket, action.outcome);
        break;
      case 'publish':
        this.published.push(action);
        break;
      case 'persist':
        this.saved = structuredClone(action.state);
        this.#after(5, () => this.core.persisted(true, this.now()));
    }
  }

  #program(desired: DesiredBalancer): void {
    this.programsInFlight += 1;
    if (this.programsInFlight > 1) throw new Error('two programs are in flight');
    this.#after(this.world.programMs, () => {
      this.programsInFlight -= 1;
      if (this.world.kernelRefuses !== null) {
        this.core.programFailed(this.world.kernelRefuses, this.now());
        return;
      }
      this.programs.push(desired);
      this.core.programmed(this.now());
    });
  }

  #check(key: string, address: string, timeoutMs: number): void {
    const ok = !this.world.dead.has(address);
    const latencyMs = ok ? (this.world.latencyMs.get(address) ?? 10) : timeoutMs;
    const result: CheckResult = { ok, latencyMs, reason: ok ? null : 'no answer' };
    this.#after(latencyMs, () => this.core.checked(key, result, this.now()));
  }

  #look(key: string, address: string): void {
    this.looks.push({ atMs: this.nowMs, address });
    const reason = this.world.faults.get(address) ?? null;
    const result: CheckResult = { ok: reason === null, latencyMs: LOOK_MS, reason };
    this.#after(LOOK_MS, () => this.core.checked(key, result, this.now()));
  }

  #resolve(key: string, host: string): void {
    if (this.world.dnsHangs) return;
    const answer = this.world.names.get(host);
    this.#after(5, () => {
      if (answer) this.core.resolved(key, answer, this.now());
      else this.core.resolutionFailed(key, 'no server answers', this.now());
    });
  }

  #counters(): ServiceCounters[] {
    return this.inForce!.services.map(({ id, members }) => {
      const counts = [...members.keys()].map(
        (name) => [name, this.world.counters.get(`${id} ${name}`) ?? NOTHING] as const,
      );
      const refused = { limit: 0, rate: 0, source: 0, none: 0 };
      return { id, packets: 0, bytes: 0, refused, members: new Map(counts) };
    });
  }

  #after(delayMs: number, run: () => void): void {
    this.#due.push({ atMs: this.nowMs + delayMs, order: ++this.#tickets, run });
  }

  /** A small generator (mulberry32), so that a seed is a run. */
  #next(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), this.#random | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

const NOTHING: MemberCounters = { packets: 0, bytes: 0, flows: 0, opened: 0, answered: 0, refused: 0 };

/** A check every ten seconds. */
export function check(options: Partial<ActiveCheck> = {}): ActiveCheck {
  return {
    ...{ type: 'tcp', port: null, intervalMs: 10_000, timeoutMs: 5_000, rise: 2, fall: 3, startAvailable: true },
    ...{ http: null, tls: null, udp: null },
    ...options,
  };
}

/** Passive checks as the specification's example has them. */
export function outlier(options: Partial<OutlierSettings> = {}): OutlierSettings {
  return {
    ...{ consecutiveFailures: 3, failureRate: null, slowRate: null, ejectionMs: 30_000, ejectionMsMax: 300_000 },
    ...{ maxEjectionPercent: 50, halfOpen: null },
    ...options,
  };
}

/** A member `a` at 10.0.0.1, `b` at 10.0.0.2, and so on. */
export function member(name: string, options: Partial<Member> = {}): Member {
  return {
    ...{ name, host: `10.0.0.${name.charCodeAt(0) - 96}`, port: 8080, weight: 1, priority: 0, admin: 'enabled' },
    ...{ activeCheck: 'inherit', resolution: { servers: [], ttlMs: null, members: 'one' } },
    ...options,
  };
}

export function pool(members: readonly Member[], options: Partial<Pool> = {}): Pool {
  return {
    ...{ name: 'web', algorithm: 'maglev', tableSize: 251, affinity: null, activeCheck: check(), passiveCheck: null },
    ...{ slowStartMs: 0, panicPercent: 0, whenNoneHealthy: 'reject', drainMs: null, proxyProtocol: null, members },
    ...options,
  };
}

export function listener(options: Partial<Listener> = {}): Listener {
  return {
    ...{ name: 'http', protocol: 'tcp', port: 80, addresses: [], interfaces: [], dataPath: 'nat', acceleration: 'off' },
    ...{ rules: [{ match: null, pool: 'web' }], clientAddress: 'keep', sourceAddresses: [], allow: null, block: null },
    limits: { connectionsPerMember: null, connectionsPerSecond: null, burst: 5, connections: null },
    timeouts: { connectMs: null, idleMs: null, onIdle: 'release', memberConnectMs: null },
    ...{ mirror: null, localTraffic: false, dsrCheck: 'enforce' },
    ...options,
  };
}

export function loadBalancer(options: Partial<LoadBalancer> = {}): LoadBalancer {
  return {
    ...{ owner: 'acme', name: 'shop', frontEnd: 'core', addresses: ['192.0.2.1'], seed: null, chainPriority: -100 },
    ...{ announcement: null, listeners: [listener()], pools: [pool([member('a'), member('b'), member('c')])] },
    ...options,
  };
}

/** One load balancer with one listener and one pool. */
export function configuration(web: Pool, options: Partial<Listener> = {}): BalancerConfiguration {
  return { loadBalancers: [loadBalancer({ listeners: [listener(options)], pools: [web] })] };
}
