import type { BalancerConfiguration } from '@higgins/balancing';
import type { Client, Subscription } from '@higgins/client';
import { type NodePools, nodePools } from '@higgins/signals';

/** Takes whether another node's state of a load balancer holds. */
export type NodeHeard = (
  loadBalancer: { readonly owner: string; readonly name: string },
  node: string,
  live: boolean,
) => void;

/** What a watch works with. */
export interface NodeWatchOptions {
  readonly client: Client;
  /** The other nodes of the PoP. */
  readonly nodes: readonly string[];
  readonly heard: NodeHeard;
}

/**
 * Follows whether other nodes of the PoP publish the pools of load balancers whose limits they share. Only that they do is
 * of interest: what they say of members is not read.
 */
export class NodeWatch implements AsyncDisposable {
  readonly #options: NodeWatchOptions;
  readonly #subscriptions = new Map<string, Subscription<NodePools>>();
  readonly #following = new Set<Promise<void>>();

  constructor(options: NodeWatchOptions) {
    this.#options = options;
  }

  /** Follows the load balancers of this configuration that have a limit of the PoP, and no others. */
  follow({ loadBalancers }: BalancerConfiguration): void {
    const wanted = new Set<string>();
    for (const { owner, name, listeners } of loadBalancers) {
      if (listeners.every(({ limits }) => limits.connectionsPerSecond === null)) continue;
      for (const node of this.#options.nodes) {
        const key = JSON.stringify([owner, name, node]);
        wanted.add(key);
        if (!this.#subscriptions.has(key)) this.#open(key, { owner, name }, node);
      }
    }
    for (const [key, subscription] of this.#subscriptions) {
      if (wanted.has(key)) continue;
      this.#subscriptions.delete(key);
      subscription.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const subscription of this.#subscriptions.values()) subscription.close();
    await Promise.all(this.#following);
  }

  #open(key: string, loadBalancer: { readonly owner: string; readonly name: string }, node: string): void {
    const { client } = this.#options;
    const params = { org: loadBalancer.owner, gateway: loadBalancer.name, node };
    const subscription = client.subscribe(nodePools, params);
    this.#subscriptions.set(key, subscription);
    const following = this.#follow(subscription, loadBalancer, node).finally(() => {
      this.#following.delete(following);
      if (this.#subscriptions.get(key) === subscription) this.#subscriptions.delete(key);
    });
    this.#following.add(following);
  }

  /** A subscription that fails ends nothing: the node counts as it did last, and the next configuration tries again. */
  async #follow(
    subscription: Subscription<NodePools>,
    loadBalancer: { readonly owner: string; readonly name: string },
    node: string,
  ): Promise<void> {
    const tell = () => {
      const { current } = subscription;
      if (current !== null) this.#options.heard(loadBalancer, node, isLive(current));
    };
    tell();
    try {
      for await (const _update of subscription) tell();
    } catch {
      return;
    }
  }
}

function isLive({ deleted, freshness }: NonNullable<Subscription<NodePools>['current']>): boolean {
  return !deleted && freshness !== 'expired';
}
