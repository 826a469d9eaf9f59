import { type BalancerConfiguration, readConfiguration, type ValidationOptions } from '@higgins/balancing';
import type { Client, StoredValue, Subscription } from '@higgins/client';
import type { Runtime } from '@higgins/runtime';
import { type GatewayConfiguration, gatewayConfiguration } from '@higgins/signals';
import { reasonOf } from '../../reason.js';
import type { GatewayName } from './balancer-options.js';
import { DesiredFile, type KnownGateway } from './desired-file.js';
import type { DesiredObserver, DesiredSource } from './desired-source.js';

/** What the source works with. */
export interface BusDesiredOptions {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly gateways: readonly GatewayName[];
  readonly validation: ValidationOptions;
  readonly warn: (reason: string) => void;
}

/**
 * Desired state from the bus: one track per gateway, put together. What was in force last is on disk, and holds for as long
 * as nothing newer can be used: its end is told and never acted upon. What is to be in force next is on disk before the
 * kernel has it: a restart never goes back to what was before.
 */
export class BusDesiredSource implements DesiredSource {
  readonly name: string;
  readonly #options: BusDesiredOptions;
  readonly #subscriptions: Subscription<GatewayConfiguration>[] = [];
  readonly #following: Promise<void>[] = [];
  /** The newest of each gateway that can be used. */
  readonly #usable = new Map<string, KnownGateway>();
  readonly #staleness = new Map<string, string>();
  readonly #file: DesiredFile;
  /** What configurations that were told were made of. */
  readonly #parts = new WeakMap<BalancerConfiguration, readonly KnownGateway[]>();
  #inForce: readonly KnownGateway[] = [];
  #underWay: BalancerConfiguration | null = null;
  #heardWallMs: number | null = null;

  constructor(options: BusDesiredOptions) {
    this.#options = options;
    this.#file = new DesiredFile(options.runtime, options.warn);
    this.name = options.gateways.map((gateway) => pathOf(gateway)).join(' ');
  }

  get heardWallMs(): number | null {
    return this.#heardWallMs;
  }

  get underWay(): BalancerConfiguration | null {
    return this.#underWay;
  }

  async open(): Promise<BalancerConfiguration | null> {
    const { inForce, underWay } = await this.#file.read();
    const last = this.#remember(inForce);
    this.#inForce = [...this.#usable.values()];
    const newer = underWay && this.#remember(underWay);
    this.#underWay = last && newer;
    this.#heardWallMs = latest([...this.#usable.values()].map(({ heardWallMs }) => heardWallMs));
    return last ?? newer;
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

  async keep(configuration: BalancerConfiguration): Promise<void> {
    await this.#file.write({ inForce: this.#inForce, underWay: this.#parts.get(configuration) ?? null });
  }

  applied(configuration: BalancerConfiguration): void {
    this.#inForce = this.#parts.get(configuration) ?? this.#inForce;
    void this.#file.write({ inForce: this.#inForce, underWay: null });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.close();
    await Promise.all(this.#following);
    await this.#file[Symbol.asyncDispose]();
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
    if (freshness === 'live') this.#heardWallMs = Math.round(this.#options.runtime.wallMs());
    if (known !== undefined && group <= known.group) return;
    const configuration = deleted || value === null ? '{"loadBalancers":[]}' : value.configuration;
    const heardWallMs = Math.round(this.#options.runtime.wallMs());
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

  /** What gateways that are still wanted amount to; null: there are none. */
  #remember(gateways: readonly KnownGateway[]): BalancerConfiguration | null {
    for (const known of gateways) {
      const wanted = this.#options.gateways.some((gateway) => keyOf(gateway) === keyOf(known));
      if (wanted) this.#usable.set(keyOf(known), known);
    }
    return this.#usable.size === 0 ? null : this.#whole();
  }

  #whole(): BalancerConfiguration {
    const parts = [...this.#usable.values()];
    const loadBalancers = parts.flatMap(({ org, gateway, configuration }) => {
      const read = readConfiguration(JSON.parse(configuration), this.#options.validation).configuration;
      for (const { owner, name } of read.loadBalancers) {
        if (owner === org) continue;
        throw new Error(`load balancer "${name}" of gateway ${gateway} has the owner "${owner}", expected "${org}"`);
      }
      return read.loadBalancers;
    });
    const configuration = { loadBalancers };
    this.#parts.set(configuration, parts);
    return configuration;
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
