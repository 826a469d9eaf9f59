import type { BalancerConfiguration, ValidationOptions } from '@higgins/balancing';
import { Client } from '@higgins/client';
import { QuicTransport } from '@higgins/quic';
import type { Runtime } from '@higgins/runtime';
import type { Logger } from '@higgins/service';
import type { NodePools } from '@higgins/signals';
import { logClientEvent } from '../../io/events.js';
import type { BalancerBus, GatewayName } from './balancer-options.js';
import { BusDesiredSource } from './bus-desired-source.js';
import type { DesiredSource } from './desired-source.js';
import { PoolPublisher } from './pool-publisher.js';

/** What the link needs of the balancer. */
export interface BusLinkParts {
  readonly node: string;
  readonly runtime: Runtime;
  readonly logger: Logger;
}

/**
 * The balancer's end of the bus: it tells what the node does, and may take its configuration from there. Health on the bus
 * is not even subscribed to: nothing there can drive a pool.
 */
export class BusLink implements AsyncDisposable {
  readonly #client: Client;
  readonly #close: () => Promise<void>;
  readonly #parts: BusLinkParts;
  readonly #publisher: PoolPublisher;

  private constructor(client: Client, parts: BusLinkParts, close: () => Promise<void>) {
    const { node, logger } = parts;
    this.#client = client;
    this.#parts = parts;
    this.#close = close;
    this.#publisher = new PoolPublisher(client, node, (reason) => logger.warn({ reason }, 'pool state not published'));
  }

  /** Begins to connect; does not wait for a relay. */
  static async open({ relays }: BalancerBus, parts: BusLinkParts): Promise<BusLink> {
    const { runtime, node, logger } = parts;
    const writerId = `balancer-${node}`;
    const transport = new QuicTransport();
    const onEvent = (event: Parameters<typeof logClientEvent>[1]) => logClientEvent(logger, event);
    const client = await Client.open({ runtime, transport, relays, writerId, folder: 'balancer/bus', onEvent });
    return new BusLink(client, parts, () => transport.close());
  }

  publish({ owner, loadBalancer, pools }: { owner: string; loadBalancer: string; pools: NodePools | null }): void {
    this.#publisher.publish({ org: owner, gateway: loadBalancer }, pools);
  }

  /** A configuration is in force: what is not in it is told of no more. */
  follow({ loadBalancers }: BalancerConfiguration): void {
    this.#publisher.follow(loadBalancers.map(({ owner, name }) => ({ org: owner, gateway: name })));
  }

  /** The desired state of these gateways. */
  desired(gateways: readonly GatewayName[], validation: ValidationOptions): DesiredSource {
    const { runtime, logger } = this.#parts;
    const warn = (reason: string) => logger.warn({ reason }, 'desired state on disk');
    const wallMs = () => runtime.wallMs();
    return new BusDesiredSource({ client: this.#client, disk: runtime.disk, gateways, validation, wallMs, warn });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    await this.#close();
  }
}
