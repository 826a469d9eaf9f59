import type { BalancerConfiguration, ValidationOptions } from '@higgins/balancing';
import { Client } from '@higgins/client';
import type { Runtime } from '@higgins/runtime';
import type { NodePools } from '@higgins/signals';
import type { Transport } from '@higgins/transport';
import { logClientEvent } from '../../io/events.js';
import type { Log } from '../../log.js';
import type { BalancerBus, GatewayName } from './balancer-options.js';
import { BusDesiredSource } from './bus-desired-source.js';
import type { DesiredSource } from './desired-source.js';
import { type NodeHeard, NodeWatch } from './node-watch.js';
import { PoolPublisher } from './pool-publisher.js';

/** What the link needs of the balancer. */
export interface BusLinkParts {
  readonly node: string;
  readonly runtime: Runtime;
  /** Closed together with the link. */
  readonly transport: Transport;
  readonly log: Log;
}

/** Whom a link tells, once somebody listens. */
interface Observed {
  current: BusObserver | null;
}

/** Takes what the balancer is to know of the bus and of its PoP. */
export interface BusObserver {
  /** Whether a relay is there. */
  connected(connected: boolean): void;
  readonly heard: NodeHeard;
}

/**
 * The balancer's end of the bus: it tells what the node does, and may take its configuration from there. Of other nodes it
 * takes that they are there, to share limits with them, and nothing else: nothing on the bus can drive a pool.
 */
export class BusLink implements AsyncDisposable {
  /** Other subscriptions and publications of the same process share its session. */
  readonly client: Client;
  readonly #close: () => Promise<void>;
  readonly #parts: BusLinkParts;
  readonly #publisher: PoolPublisher;
  readonly #watch: NodeWatch;
  readonly #observer: Observed;

  private constructor(
    { client, nodes, observer }: { client: Client; nodes: readonly string[]; observer: Observed },
    parts: BusLinkParts,
    close: () => Promise<void>,
  ) {
    this.#observer = observer;
    const { node, runtime, log } = parts;
    this.client = client;
    this.#parts = parts;
    this.#close = close;
    const failed = (reason: string) => log.warn({ reason }, 'pool state not published');
    this.#publisher = new PoolPublisher({ client, node, runtime, failed });
    const heard: NodeHeard = (...news) => observer.current?.heard(...news);
    this.#watch = new NodeWatch({ client, nodes: nodes.filter((name) => name !== node), heard });
  }

  /** Begins to connect; does not wait for a relay. */
  static async open({ relays, nodes = [] }: BalancerBus, parts: BusLinkParts): Promise<BusLink> {
    const { runtime, node, transport, log } = parts;
    const observer: Observed = { current: null };
    const writerId = `balancer-${node}`;
    const onEvent = (event: Parameters<typeof logClientEvent>[1]) => {
      logClientEvent(log, event);
      if (event.kind === 'connected') observer.current?.connected(true);
      if (event.kind === 'disconnected') observer.current?.connected(false);
    };
    const client = await Client.open({ runtime, transport, relays, writerId, folder: 'balancer/bus', onEvent });
    return new BusLink({ client, nodes, observer }, parts, () => transport.close());
  }

  /** Tells the observer from now on. */
  start(observer: BusObserver): void {
    this.#observer.current = observer;
    observer.connected(this.client.connected);
  }

  publish({ owner, loadBalancer, pools }: { owner: string; loadBalancer: string; pools: NodePools | null }): void {
    this.#publisher.publish({ org: owner, gateway: loadBalancer }, pools);
  }

  /** A configuration is in force: what is not in it is told of no more, and its limits are shared. */
  follow(configuration: BalancerConfiguration): void {
    const { loadBalancers } = configuration;
    this.#watch.follow(configuration);
    this.#publisher.follow(loadBalancers.map(({ owner, name }) => ({ org: owner, gateway: name })));
  }

  /** The desired state of these gateways. */
  desired(gateways: readonly GatewayName[], validation: ValidationOptions): DesiredSource {
    const { runtime, log } = this.#parts;
    const warn = (reason: string) => log.warn({ reason }, 'desired state on disk');
    return new BusDesiredSource({ client: this.client, runtime, gateways, validation, warn });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#publisher[Symbol.dispose]();
    await this.#watch[Symbol.asyncDispose]();
    await this.client[Symbol.asyncDispose]();
    await this.#close();
  }
}
