import { BalancerNode, BusLink } from '@higgins/agent/portable';
import { gatewayConfiguration } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { Program } from '../frame/node.js';
import type { GatewayAuthor } from './balancer-author.js';
import { VirtualChecker } from './balancer-checker.js';
import type { VirtualDataPath } from './balancer-kernel.js';
import { VirtualBalancerTarget } from './balancer-target.js';
import { logOf } from './log.js';
import { CONNECTION_LIMITS } from './relay.js';
import { witness } from './witness.js';

export interface BalancerProgramOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  /** URLs, in order of preference. */
  readonly relays: readonly string[];
  /** Names of the nodes of the PoP. */
  readonly nodes: readonly string[];
  readonly author: GatewayAuthor;
  /** Outlives the process. */
  readonly kernel: VirtualDataPath;
  /** How long a transaction in the kernel takes. */
  readonly programMs: number;
  /** The nodes that have the addresses of members. */
  readonly hosts: ReadonlyMap<string, string>;
}

/** A load balancer that takes its desired state from the bus, as its binary runs it, on the virtual world. */
export function balancerProgram(options: BalancerProgramOptions): Program {
  const { identity, authoritiesPem, nodes, author, kernel, programMs, hosts } = options;
  const relays = options.relays.map((url) => ({ url, authoritiesPem, identity, limits: CONNECTION_LIMITS }));
  return async (context) => {
    const { runtime, transport, observe } = context;
    const node = context.node.name;
    const log = logOf(context, 'balancer');
    const bus = await BusLink.open({ relays, nodes }, { node, runtime, transport, log });
    const target = new VirtualBalancerTarget(kernel, runtime, programMs, () => {
      const version = author.versionIn(kernel);
      if (version === null) return;
      observe({ kind: 'enforced', node, track: author.track, group: author.groupOf(version), version });
    });
    const balancer = await BalancerNode.open({
      ...{ node, nodes, runtime, log, bus, target },
      source: bus.desired([author.gateway], {}),
      checker: new VirtualChecker(context, hosts),
      // Members have addresses, and no names.
      resolver: { resolve: () => Promise.reject(new Error('there is no name server')) },
    });
    context.show(bus.client);
    context.watch('balancer', bus.client.counters);
    void witness(bus.client, gatewayConfiguration, author.gateway, context);
    balancer.start();
  };
}
