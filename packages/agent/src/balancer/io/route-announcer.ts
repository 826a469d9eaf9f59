import type { BalancerConfiguration, LoadBalancer } from '@higgins/balancing';
import { formatPrefix } from '@higgins/ipdata';
import type { Runtime } from '@higgins/runtime';
import type { Logger } from '@higgins/service';
import { announcedRoutes } from '../../targets/bgp/announced.js';
import { RouteKeeper } from '../../targets/bgp/route-keeper.js';
import { BirdTarget, type BirdTargetOptions } from '../../targets/bgp/target.js';
import type { BalancerStatus } from '../core/status.js';

export interface RouteAnnouncerOptions {
  readonly bird: BirdTargetOptions;
  readonly runtime: Runtime;
  readonly logger: Logger;
  /** The state as of now. */
  readonly status: () => Pick<BalancerStatus, 'kernel' | 'services'>;
}

/**
 * Announces virtual addresses through BIRD while the kernel serves them. Until the first verification after a start
 * nothing is touched: what an earlier life announced is served by what it left in the kernel.
 */
export class RouteAnnouncer implements AsyncDisposable {
  readonly #options: RouteAnnouncerOptions;
  readonly #keeper: RouteKeeper;
  #configuration: BalancerConfiguration | null = null;

  constructor(options: RouteAnnouncerOptions) {
    const { bird, runtime, logger } = options;
    this.#options = options;
    this.#keeper = new RouteKeeper({
      target: new BirdTarget(bird),
      runtime,
      announced: (routes) => logger.info({ routes: routes.map(({ prefix }) => formatPrefix(prefix)) }, 'announced'),
      failed: ({ message }) => logger.error({ reason: message }, 'routes could not be announced; trying again'),
    });
  }

  /** This configuration is in force. */
  follow(configuration: BalancerConfiguration): void {
    this.#configuration = configuration;
    this.refresh();
  }

  /** Call after whatever may have changed who serves. */
  refresh(): void {
    const { kernel, services } = this.#options.status();
    if (this.#configuration === null || kernel.phase === 'starting' || kernel.verifiedWallMs === null) return;
    const serving = new Set(
      services.flatMap(({ owner, loadBalancer, members }) => {
        return members.some(({ slots }) => slots > 0) ? keyOf({ owner, name: loadBalancer }) : [];
      }),
    );
    const verified = kernel.phase !== 'flushed';
    this.#keeper.want(
      announcedRoutes(this.#configuration, { verified, serves: (loadBalancer) => serving.has(keyOf(loadBalancer)) }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
  }
}

function keyOf({ owner, name }: Pick<LoadBalancer, 'owner' | 'name'>): string {
  return `${owner}/${name}`;
}
