import { type BalancerConfiguration, readConfiguration, type ValidationOptions } from '@higgins/balancing';
import type { Client, StoredValue, Subscription } from '@higgins/client';
import type { Disk } from '@higgins/runtime';
import { type GatewayConfiguration, gatewayConfiguration } from '@higgins/signals';
import { z } from 'zod';
import type { GatewayName } from './balancer-options.js';
import { reasonOf } from './balancer-runner.js';
import type { DesiredObserver, DesiredSource } from './desired-source.js';

const FILE = 'balancer/desired.json';

const fileSchema = z.object({
  version: z.literal(1),
  gateways: z.array(
    z.object({
      org: z.string(),
      gateway: z.string(),
      group: z.number(),
      configuration: z.string(),
      heardWallMs: z.number(),
    }),
  ),
});

type KnownGateway = z.output<typeof fileSchema>['gateways'][number];

/** What the source works with. */
export interface BusDesiredOptions {
  readonly client: Client;
  readonly disk: Disk;
  readonly gateways: readonly GatewayName[];
  readonly validation: ValidationOptions;
  readonly wallMs: () => number;
  readonly warn: (reason: string) => void;
}

/**
 * Desired state from the bus: one track per gateway, put together. What was in force last is on disk, and holds for as long
 * as nothing newer can be used: its end is told and never acted upon.
 */
export class BusDesiredSource implements DesiredSource {
  readonly name: string;
  readonly #options: BusDesiredOptions;
  readonly #subscriptions: Subscription<GatewayConfiguration>[] = [];
  readonly #following: Promise<void>[] = [];
  /** The newest of each gateway that can be used. */
  readonly #usable = new Map<string, KnownGateway>();
  readonly #staleness = new Map<string, string>();
  #inForce: readonly KnownGateway[] = [];
  #writing: Promise<void> = Promise.resolve();
  #heardWallMs: number | null = null;

  constructor(options: BusDesiredOptions) {
    this.#options = options;
    this.name = options.gateways.map((gateway) => pathOf(gateway)).join(' ');
  }

  get heardWallMs(): number | null {
    return this.#heardWallMs;
  }

  async open(): Promise<BalancerConfiguration | null> {
    for (const known of await this.#readFile()) {
      const wanted = this.#options.gateways.some((gateway) => keyOf(gateway) === keyOf(known));
      if (wanted) this.#usable.set(keyOf(known), known);
    }
    this.#heardWallMs = latest([...this.#usable.values()].map(({ heardWallMs }) => heardWallMs));
    return this.#usable.size === 0 ? null : this.#whole();
  }

  start(observer: DesiredObserver): void {
    for (const gateway of this.#options.gateways) {
      const subscription = this.#options.client.subscribe(gatewayConfiguration, gateway);
      this.#subscriptions.push(subscription);
      if (subscription.current) this.#take(gateway, subscription.current, observer);
      this.#following.push(this.#follow(gateway, subscription, observer));
    }
  }

  async reread(): Promise<BalancerConfiguration> {
    if (this.#usable.size === 0) throw new Error(`${this.name}: nothing was received yet`);
    return this.#whole();
  }

  applied(): void {
    this.#inForce = [...this.#usable.values()];
    const text = JSON.stringify({ version: 1, gateways: this.#inForce });
    this.#writing = this.#writing
      .then(() => this.#options.disk.replace(FILE, Buffer.from(text)))
      .catch((error: unknown) => this.#options.warn(`${FILE}: ${reasonOf(error)}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.close();
    await Promise.all(this.#following);
    await this.#writing;
  }

  async #follow(
    gateway: GatewayName,
    subscription: Subscription<GatewayConfiguration>,
    observer: DesiredObserver,
  ): Promise<void> {
    try {
      for await (const { current, refused } of subscription) {
        if (refused) observer.refused(`${pathOf(gateway)}: ${refused.reason}`);
        if (current) this.#take(gateway, current, observer);
      }
    } catch (error) {
      this.#age(gateway, reasonOf(error), observer);
    }
  }

  #take(gateway: GatewayName, stored: StoredValue<GatewayConfiguration>, observer: DesiredObserver): void {
    const { freshness, condition, deleted, value, group } = stored;
    this.#age(gateway, freshness === 'live' ? null : condition, observer);
    const known = this.#usable.get(keyOf(gateway));
    if (freshness === 'live') this.#heardWallMs = Math.round(this.#options.wallMs());
    if (known !== undefined && group <= known.group) return;
    const configuration = deleted || value === null ? '{"loadBalancers":[]}' : value.configuration;
    const heardWallMs = Math.round(this.#options.wallMs());
    const before = known?.configuration;
    this.#usable.set(keyOf(gateway), { ...gateway, group, configuration, heardWallMs });
    if (configuration === before) return;
    try {
      observer.changed(this.#whole());
    } catch (error) {
      // The one before stays, with the group of this one: it is not judged again.
      if (known === undefined) this.#usable.delete(keyOf(gateway));
      else this.#usable.set(keyOf(gateway), { ...known, group });
      observer.refused(`${pathOf(gateway)}: ${reasonOf(error)}`);
    }
  }

  /** Told once for all gateways: stale while one of them is. */
  #age(gateway: GatewayName, reason: string | null, observer: DesiredObserver): void {
    if (reason === null) this.#staleness.delete(keyOf(gateway));
    else this.#staleness.set(keyOf(gateway), `${pathOf(gateway)}: ${reason}`);
    const [first] = this.#staleness.values();
    observer.stale(first ?? null);
  }

  #whole(): BalancerConfiguration {
    const loadBalancers = [...this.#usable.values()].flatMap(({ org, gateway, configuration }) => {
      const read = readConfiguration(JSON.parse(configuration), this.#options.validation).configuration;
      for (const { owner, name } of read.loadBalancers) {
        if (owner === org) continue;
        throw new Error(`load balancer "${name}" of gateway ${gateway} has the owner "${owner}", expected "${org}"`);
      }
      return read.loadBalancers;
    });
    return { loadBalancers };
  }

  async #readFile(): Promise<readonly KnownGateway[]> {
    const bytes = await this.#options.disk.read(FILE);
    if (bytes === null) return [];
    try {
      return fileSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))).gateways;
    } catch (error) {
      this.#options.warn(`${FILE} is not used: ${reasonOf(error)}`);
      return [];
    }
  }
}

function keyOf({ org, gateway }: GatewayName): string {
  return JSON.stringify([org, gateway]);
}

function pathOf({ org, gateway }: GatewayName): string {
  return `org/${org}/l4lb/${gateway}/desired`;
}

function latest(times: readonly number[]): number | null {
  return times.length === 0 ? null : Math.max(...times);
}
