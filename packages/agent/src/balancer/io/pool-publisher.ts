import type { Client } from '@higgins/client';
import { type NodePools, nodePools } from '@higgins/signals';

/** Whose pools are told of. */
export interface PublishedGateway {
  readonly org: string;
  readonly gateway: string;
}

interface Line {
  /** What is to be published next; null: that there is nothing any more. */
  pending: { readonly pools: NodePools | null } | null;
  working: boolean;
}

/**
 * Publishes the pools of gateways as this node sees them. One value per gateway is on its way and the newest waits; nobody
 * waits for it. The client renews what is published, keeps it for relays that are away, and fences earlier lives.
 */
export class PoolPublisher {
  readonly #client: Client;
  readonly #node: string;
  readonly #failed: (reason: string) => void;
  readonly #lines = new Map<string, Line>();

  constructor(client: Client, node: string, failed: (reason: string) => void) {
    this.#client = client;
    this.#node = node;
    this.#failed = failed;
  }

  publish({ org, gateway }: PublishedGateway, pools: NodePools | null): void {
    const key = JSON.stringify([org, gateway]);
    const line = this.#lines.get(key) ?? { pending: null, working: false };
    this.#lines.set(key, line);
    line.pending = { pools };
    if (!line.working) void this.#work({ org, gateway }, line);
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

  async #work(gateway: PublishedGateway, line: Line): Promise<void> {
    line.working = true;
    while (line.pending !== null) {
      const { pools } = line.pending;
      line.pending = null;
      const params = { ...gateway, node: this.#node };
      try {
        if (pools === null) await this.#client.remove(nodePools, params);
        else await this.#client.publish(nodePools, params, pools);
      } catch (error) {
        this.#failed(error instanceof Error ? error.message : String(error));
      }
    }
    line.working = false;
  }
}
