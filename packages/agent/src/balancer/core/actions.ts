import type { NodePools } from '@higgins/signals';
import type { CheckOrder, ResolutionOrder } from './contract.js';
import type { Cut } from './cut-book.js';
import type { BalancerEvent } from './events.js';
import type { Sample } from './flow-sampler.js';
import type { Program } from './programmer.js';
import type { SavedState } from './saved-state.js';
import type { ReloadResult } from './status.js';

/** What became of a configuration. */
export type ConfigurationOutcome =
  | ({ readonly ok: true } & ReloadResult)
  /** `transient`: nothing is wrong with it; the kernel did not take it now, and may take it later. */
  | { readonly ok: false; readonly reason: string; readonly transient: boolean };

/**
 * What the shell has to do. Each of `program`, `verify`, `count`, `flush` is answered before the next of them is given,
 * and so are `cut` and `sample` among themselves; `check` and `resolve` are answered whenever they end.
 */
export type BalancerAction =
  /** Answered with `programmed` or `programFailed`. */
  | { readonly kind: 'program'; readonly program: Program }
  /** Answered with `verified`. */
  | { readonly kind: 'verify' }
  /** Answered with `counted`. */
  | { readonly kind: 'count' }
  /** Answered with `flushed`. */
  | { readonly kind: 'flush' }
  /** Answered with `cutDone`. */
  | { readonly kind: 'cut'; readonly cut: Cut }
  /** Answered with `sampled`. */
  | { readonly kind: 'sample'; readonly sample: Sample }
  /** Answered with `checked`. */
  | { readonly kind: 'check'; readonly key: string; readonly pool: string; readonly order: CheckOrder }
  /** Answered with `resolved` or `resolutionFailed`. */
  | { readonly kind: 'resolve'; readonly key: string; readonly order: ResolutionOrder }
  | { readonly kind: 'event'; readonly event: BalancerEvent }
  | { readonly kind: 'configured'; readonly ticket: number; readonly outcome: ConfigurationOutcome }
  /** The newest state counts; null: the load balancer is gone. */
  | {
      readonly kind: 'publish';
      readonly owner: string;
      readonly loadBalancer: string;
      readonly pools: NodePools | null;
    }
  /** Answered with `persisted`. */
  | { readonly kind: 'persist'; readonly state: SavedState };
