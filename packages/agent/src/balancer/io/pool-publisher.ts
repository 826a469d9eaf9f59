import type { Client } from '@higgins/client';
import type { Runtime } from '@higgins/runtime';
import { type NodePools, nodePools } from '@higgins/signals';
import { Outbox } from '../../io/outbox.js';

/** Whose pools are told of. */
export interface PublishedGateway {
  readonly org: string;
  readonly gateway: string;
}

/** Null: that there is nothing any more. */
interface Publication {
  readonly gateway: PublishedGateway;
  readonly pools: NodePools | null;
}

/** What a publisher works with. */
export interface PoolPublisherOptions {
  readonly client: Client;
  readonly node: string;
  readonly runtime: Runtime;
  /** Hears of every attempt that failed; it is made again. */
  readonly failed: (reason: string) => void;
}

/**
 * Publishes the pools of gateways as this node sees them. One value per gateway is on its way and the newest waits; nobody
 * waits for it. The client renews what is published, keeps it for relays that are away, and fences earlier lives.
 */
export class PoolPublisher implements Disposable {
  readonly #client: Client;
  readonly #node: string;
  readonly #outbox: Outbox<Publication>;

  constructor({ client, node, runtime, failed }: PoolPublisherOptions) {
    this.#client = client;
    this.#node = node;
    this.#outbox = new Outbox({
      runtime,
      publish: (_key, publication) => this.#publish(publication),
      failed: (_key, reason) => failed(reason),
    });
  }

  publish({ org, gateway }: PublishedGateway, pools: NodePools | null): void {
    this.#outbox.put(JSON.stringify([org, gateway]), { gateway: { org, gateway }, pools });
  }

  /** Ends what an earlier life published of gateways that this node has no more. */
  follow(gateways: readonly PublishedGateway[]): void {
    const known = new Set(gateways.map(({ org, gateway }) => JSON.stringify([org, gateway])));
    for (const track of this.#client.publisher.tracks()) {
      const params = nodePools.params(track.name);
      if (params === null || params.node !== this.#node || track.deleted !== null) continue;
      if (!known.has(JSON.stringify([params.org, params.gateway]))) this.publish(params, null);
    }
  }

  [Symbol.dispose](): void {
    this.#outbox[Symbol.dispose]();
  }

  #publish({ gateway, pools }: Publication): Promise<unknown> {
    const params = { ...gateway, node: this.#node };
    if (pools === null) return this.#client.remove(nodePools, params);
    return this.#client.publish(nodePools, params, pools);
  }
}
