import { markedRoutes, Netlink, NetlinkError, removeMarkedRoute } from '@higgins/netlink';
import type { BalancerTarget, Programmed } from '../../balancer/core/contract.js';
import { NftError } from '../nft/errors.js';
import { runNft } from '../nft/nft-command.js';
import { sweepAffinity } from './affinity-sweep.js';
import { placeService } from './compile.js';
import { contentRead } from './contents.js';
import { countersOf } from './counters.js';
import { differences } from './drift.js';
import { routeText } from './dsr.js';
import { FlowCounts } from './flow-counts.js';
import { GoneMarks } from './gone-marks.js';
import { changedServices, type Known, planFrom } from './known.js';
import type { DesiredBalancer, DesiredService, ServiceCounters } from './model.js';
import { contentKind, namesOf, SHARED, slotsOfName } from './names.js';
import { contentsOfService, type Plan, type PlanOptions, placementInUse, setKey, tableOf } from './plan.js';
import { digestRead, firstPortion, readBalancer, readStructure } from './read.js';
import type { TableFamily } from './ruleset.js';
import { checkSupported } from './supported.js';
import { NO_SURROUNDINGS, type Surroundings, sameSurroundings, surroundingsOf } from './surroundings.js';
import { ATTEMPTS_MAX, carryOut, curable, generationAfter, storeReadback, type Tables } from './transactions.js';
import { XdpAcceleration, xdpDirectory } from './xdp.js';

/** What the target works with. */
export interface MaglevTargetOptions {
  readonly netlink: Netlink;
  /** For looks at connection tracking, which must not hold up a change of the ruleset; default one of its own. */
  readonly flows?: Netlink;
  readonly bootMs: () => number;
  /** Name of the balancer's tables; default `higgins_lb`. */
  readonly table?: string;
  /** Bytes per batch; default is what the socket carries. */
  readonly batchBytesMax?: number;
  /** Default: one of this table and network namespace, which loads nothing before a service asks for it. */
  readonly acceleration?: XdpAcceleration;
}

/**
 * A balancer in nf_tables: destination translation and direct server return, in tables of one name. Calls are made one
 * after the other.
 *
 * Nothing is removed when the process ends; the next one reads what is there and goes on with it.
 */
export class MaglevTarget implements BalancerTarget {
  readonly #options: MaglevTargetOptions;
  readonly #table: string;
  readonly #acceleration: XdpAcceleration;
  readonly #flows: FlowCounts;
  readonly #gone = new GoneMarks();
  #known: Known | null = null;
  /** Whether more may have changed than the generation tells: then everything is read before the next change. */
  #mustRead = false;
  /** Sets that are still to be read back, since somebody else changed the ruleset: a portion with each verification. */
  readonly #unread = new Set<string>();

  constructor(options: MaglevTargetOptions) {
    this.#options = options;
    this.#table = options.table ?? 'higgins_lb';
    this.#flows = new FlowCounts(options.flows ?? new Netlink(), options.bootMs);
    this.#acceleration = options.acceleration ?? new XdpAcceleration({ directory: xdpDirectory(this.#table) });
  }

  /** Services that asked for acceleration and don't have it, with the reason, as of the last application. */
  get notAccelerated(): ReadonlyMap<string, string> {
    return this.#acceleration.refused;
  }

  async apply(desired: DesiredBalancer, signal: AbortSignal): Promise<Programmed> {
    checkSupported(desired);
    const surroundings = await surroundingsOf(desired.services, this.#known?.surroundings ?? NO_SURROUNDINGS);
    this.#acceleration.check(desired.services, surroundings);
    const done = { transactions: 0, structure: false };
    let refused: NftError | null = null;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      signal.throwIfAborted();
      const known = await this.#current(desired);
      const plan = planFrom(desired, known, this.#planOptions(surroundings));
      const failure = await carryOut(this.#tables, plan.steps, signal);
      done.transactions += failure ? failure.done : plan.steps.length;
      if (failure) {
        this.#mustRead = true;
        const generation = generationAfter(known.actual, plan.steps.slice(0, failure.done));
        refused = await curable(this.#netlink, failure.error, generation);
        continue;
      }
      const changed = changedServices(desired, known);
      await this.#adopt(desired, plan, known, surroundings);
      done.structure ||= plan.structure;
      if (await this.#acceleration.apply(desired.services, surroundings)) done.transactions++;
      const appliedBootMs = this.#options.bootMs();
      await this.#sweep(changed);
      return { ...done, appliedBootMs };
    }
    if (refused) throw refused;
    throw new NftError('contended', `the ruleset changed during each of ${ATTEMPTS_MAX} attempts to change it`);
  }

  async verify(): Promise<readonly string[]> {
    const known = this.#known;
    if (!known) return ['nothing has been applied yet'];
    const accelerated = await this.#acceleration.verify();
    const around = await this.#waysChanged(known);
    if (around.length > 0) this.#mustRead = true;
    if ((await this.#netlink.generation()) !== known.actual.generation) this.#distrust(known);
    if (!this.#mustRead && this.#unread.size === 0) return accelerated;
    const keys = firstPortion(this.#unread);
    const reading = await readBalancer(this.#netlink, this.#table, keys);
    const found = [...differences(known.actual, reading, keys), ...around];
    if (found.length > 0) this.#mustRead = true;
    for (const key of keys) this.#unread.delete(key);
    this.#known = { ...known, actual: { ...known.actual, generation: reading.actual.generation } };
    return [...found, ...accelerated];
  }

  async counters(): Promise<readonly ServiceCounters[]> {
    const known = this.#known;
    if (!known) return [];
    const families = [...known.actual.existing.keys()];
    const tables = await Promise.all(families.map((family) => this.#netlink.counters({ family, name: this.#table })));
    const counted = new Map(tables.flatMap((table) => [...table]));
    return countersOf([...known.services.values()], known.numbering, counted, await this.#acceleration.counters());
  }

  async connections(service: DesiredService, member: string): Promise<number> {
    const mark = await this.#markOf(service, member);
    return mark === null ? 0 : await this.#flows.of(mark);
  }

  async cut(service: DesiredService, member: string): Promise<number> {
    const mark = await this.#markOf(service, member);
    return mark === null ? 0 : await this.#flows.end(mark);
  }

  async flush(): Promise<void> {
    const families: readonly TableFamily[] = ['inet', 'ip', 'ip6', 'netdev'];
    const lines = families.flatMap((family) => [
      `add table ${family} ${this.#table}`,
      `delete table ${family} ${this.#table}`,
    ]);
    await runNft(['-f', '-'], `${lines.join('\n')}\n`);
    for (const route of markedRoutes()) removeMarkedRoute(route);
    await this.#acceleration.flush();
    this.#known = null;
  }

  get #netlink(): Netlink {
    return this.#options.netlink;
  }

  get #tables(): Tables {
    return { netlink: this.#netlink, table: this.#table };
  }

  #planOptions(surroundings: Surroundings): PlanOptions {
    const batchBytesMax = this.#options.batchBytesMax ?? this.#netlink.batchBytesMax;
    return { table: this.#table, batchBytesMax, surroundings };
  }

  /** Every set may have changed. */
  #distrust({ actual }: Known): void {
    for (const key of actual.contents.keys()) this.#unread.add(key);
  }

  /** Ways to members that are others than those in force. */
  async #waysChanged({ actual, services, surroundings }: Known): Promise<string[]> {
    const now = await surroundingsOf([...services.values()], surroundings);
    const present = new Set(actual.routes.length > 0 ? markedRoutes().map(routeText) : []);
    return [
      ...(sameSurroundings(now, surroundings) ? [] : ['devices or neighbours on the way to members are others']),
      ...(actual.routes.every((route) => present.has(routeText(route)))
        ? []
        : ['routes of members are gone or changed']),
    ];
  }

  /** What is in force: as known if nobody else changed the ruleset, else with what this change touches read again. */
  async #current(desired: DesiredBalancer): Promise<Known> {
    const known = this.#known;
    if (known && !this.#mustRead) {
      const generation = await this.#netlink.generation();
      if (generation === known.actual.generation) return known;
      this.#distrust(known);
      const refreshed = await this.#refresh(desired, known);
      if (refreshed) return refreshed;
    }
    const { actual, readback, stored } = await readBalancer(this.#netlink, this.#table);
    this.#unread.clear();
    const intact = actual.structure === null || readback === stored;
    return { actual: { ...actual, intact }, services: new Map(), numbering: new Map(), surroundings: NO_SURROUNDINGS };
  }

  /** Somebody else changed something: as a rule, not here. Null if the structure is not the one that was written. */
  async #refresh(desired: DesiredBalancer, known: Known): Promise<Known | null> {
    const wanted = [{ family: 'inet' as TableFamily, name: SHARED.structure as string }];
    for (const service of changedServices(desired, known)) {
      const placed = placeService(service, known.numbering, placementInUse(service, known.actual));
      for (const [name] of contentsOfService(placed)) wanted.push({ family: tableOf(service), name });
    }
    const contents = new Map(known.actual.contents);
    let generation = known.actual.generation;
    for (const family of new Set(wanted.map((set) => set.family))) {
      const names = wanted.filter((set) => set.family === family).map(({ name }) => name);
      const snapshot = await this.#snapshot(family, names);
      if (!snapshot) return null;
      generation = snapshot.generation;
      for (const [index, name] of names.entries()) {
        const read = snapshot.sets[index]!;
        const kind = contentKind(name);
        if (kind) contents.set(setKey(family, name), contentRead(kind, read, slotsOfName(name)));
        else if (digestRead(read) !== known.actual.structure) return null;
      }
    }
    return { ...known, actual: { ...known.actual, generation, contents } };
  }

  async #snapshot(family: TableFamily, names: readonly string[]) {
    try {
      return await this.#netlink.snapshot(
        { family, name: this.#table },
        names.map((set) => ({ set, layout: 'plain' as const })),
      );
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'not-found') return null;
      throw error;
    }
  }

  /** Remembers what is in force now; after a change of structure, what it reads back as. */
  async #adopt(desired: DesiredBalancer, plan: Plan, known: Known, surroundings: Surroundings): Promise<void> {
    const services = new Map(desired.services.map((service) => [service.id, service]));
    this.#mustRead = false;
    const { ruleset, numbering, routes } = plan;
    if (plan.structure) this.#gone.remember(known.actual.marks, numbering);
    if (!plan.structure) {
      const contents = new Map([...known.actual.contents, ...plan.contents]);
      const generation = generationAfter(known.actual, plan.steps);
      this.#known = {
        services,
        numbering,
        surroundings,
        actual: { ...known.actual, generation, contents, ruleset, routes },
      };
      return;
    }
    this.#mustRead = true;
    const actual = await storeReadback(this.#tables, plan);
    this.#mustRead = false;
    this.#known = {
      services,
      numbering,
      surroundings,
      actual: { ...actual, contents: plan.contents, ruleset, routes },
    };
  }

  /** Forgets the clients of members that take no new flows. They are not led there any more either way. */
  async #sweep(services: readonly DesiredService[]): Promise<void> {
    for (const service of services) {
      const known = this.#known;
      if (!service.affinity || !known) continue;
      const transactions = await sweepAffinity(this.#netlink, this.#table, service, known.numbering);
      const generation = known.actual.generation + transactions;
      this.#known = { ...known, actual: { ...known.actual, generation } };
    }
  }

  /** Null where flows are not tracked, or the member is not there. */
  async #markOf(service: DesiredService, member: string): Promise<number | null> {
    if (service.dataPath !== 'nat') return null;
    const mark = this.#known?.numbering.get(service.id)?.get(member)?.mark;
    return mark ?? this.#gone.markOf(namesOf.member(service.id, member)) ?? (await this.#markRead(service, member));
  }

  /** The mark of a member that this process did not write. */
  async #markRead({ id }: DesiredService, member: string): Promise<number | null> {
    const { actual } = await readStructure(this.#netlink, this.#table);
    return actual.marks.get(namesOf.member(id, member)) ?? null;
  }
}
