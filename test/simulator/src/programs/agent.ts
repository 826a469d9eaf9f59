import { AgentCore, ListAgent } from '@higgins/agent/portable';
import { organisationList } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { Program } from '../frame/node.js';
import { VirtualListTarget } from './agent-target.js';
import type { VirtualKernel } from './kernel.js';
import type { AuthoredList } from './list-author.js';
import { logOf } from './log.js';
import { CONNECTION_LIMITS } from './relay.js';
import { witness } from './witness.js';

export interface AgentProgramOptions {
  readonly pop: string;
  readonly identity: Identity;
  readonly authoritiesPem: string;
  /** URLs, in order of preference. */
  readonly relays: readonly string[];
  readonly lists: readonly AuthoredList[];
  /** Outlives the process. */
  readonly kernel: VirtualKernel;
  /** How long a transaction in the kernel takes. */
  readonly enforceMs: number;
}

/** A PoP's agent, as its binary runs it, with a kernel of the virtual machine as its target. */
export function agentProgram(options: AgentProgramOptions): Program {
  const { identity, authoritiesPem, pop, lists, kernel, enforceMs } = options;
  const relays = options.relays.map((url) => ({ url, authoritiesPem, identity, limits: CONNECTION_LIMITS }));
  const tracks = lists.map(({ track }) => track);
  return async (context) => {
    const { runtime, transport } = context;
    const target = new VirtualListTarget(kernel, context, enforceMs);
    await target.repair();
    const agent = await ListAgent.open({
      core: new AgentCore(tracks.map((track) => ({ id: track, track }))),
      ...{ target, runtime, log: logOf(context, 'agent') },
      bus: { transport, relays, pop, tracks },
    });
    const client = agent.bus?.client;
    if (client !== undefined) {
      context.show(client);
      context.watch('agent', client.counters);
      for (const { params } of lists) void witness(client, organisationList, params, context);
    }
    agent.start();
  };
}
