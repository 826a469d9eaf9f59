import type { QuotasOf } from '@higgins/balancing';
import type { RelayAddress } from '@higgins/client';
import type { Logger } from '@higgins/service';
import type { BirdTargetOptions } from '../../targets/bgp/target.js';
import type { CheckTypes } from '../checks/index.js';
import type { BalancerTarget, Checker, Resolver } from '../core/contract.js';
import type { WebhookConfig } from '../events/index.js';

/** A gateway whose configuration comes from the bus. */
export interface GatewayName {
  readonly org: string;
  readonly gateway: string;
}

/** Where the desired state comes from. */
export type DesiredFrom =
  /** `endpoints`: a file or directory with EndpointSlices for a Gateway API configuration, which are followed; default none. */
  | { readonly kind: 'file'; readonly path: string; readonly endpoints?: string }
  | { readonly kind: 'bus'; readonly gateways: readonly GatewayName[] };

/** How to reach the bus. */
export interface BalancerBus {
  /** In order of preference. */
  readonly relays: readonly RelayAddress[];
  /**
   * Names of the nodes of the PoP, at most 64: limits of new connections hold for all of them together. Those that live
   * are known by what they publish. Default: the node is alone, and has the limits to itself.
   */
  readonly nodes?: readonly string[];
}

/** What a balancer is started with. */
export interface BalancerOptions {
  /** Names the node on the bus and in events; default the host's name. */
  readonly node?: string;
  /** Seeds, health, addresses and the last good configuration are kept here; one balancer per directory. */
  readonly stateDirectory: string;
  readonly desired: DesiredFrom;
  /** Name of the tables in nf_tables, which are the balancer's alone; default `higgins_lb`. */
  readonly table?: string;
  /** Unix socket for status and commands; default none. */
  readonly controlSocket?: string;
  /** Where metrics and health are served; default nowhere. */
  readonly operations?: { readonly host?: string; readonly port: number };
  /** Default: nothing is published. */
  readonly bus?: BalancerBus;
  /** Announces the addresses that ask for it; default: none is announced. */
  readonly bird?: BirdTargetOptions;
  readonly webhooks?: readonly WebhookConfig[];
  /** Types of checks that the operator registered; default the built-in ones alone. */
  readonly checkTypes?: CheckTypes;
  /** What owners may have; default as in validation. */
  readonly quotasOf?: QuotasOf;
  /** Default writes to standard error. */
  readonly logger?: Logger;
  /** Parts of other make, for programs that embed a balancer; default those for a Linux host. */
  readonly parts?: { readonly target?: BalancerTarget; readonly checker?: Checker; readonly resolver?: Resolver };
}
