import { AgentCore, ListAgent } from '@higgins/agent/portable';
import type { Client, StoredValue } from '@higgins/client';
import { type NamedList, organisationList } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import { VirtualListTarget } from './agent-target.js';
import type { VirtualKernel } from './kernel.js';
import type { AuthoredList } from './list-author.js';
import { logOf } from './log.js';
import { CONNECTION_LIMITS } from './relay.js';

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
      for (const list of lists) void witness(client, list, context);
    }
    agent.start();
  };
}

/** Tells of every object that the agent's client takes for the newest, and of its end: beside the agent, from the same feed. */
async function witness(client: Client, { params, track }: AuthoredList, context: ProcessContext): Promise<void> {
  const subscription = client.subscribe(organisationList, params);
  let known: string | null = null;
  let expiredGroup: number | null = null;
  const { node, observe } = context;
  const see = (stored: StoredValue<NamedList> | null) => {
    if (stored === null || stored.value === null) return;
    const { group, version, freshness, onExpiry } = stored;
    if (freshness === 'expired' && group !== expiredGroup) {
      expiredGroup = group;
      observe({ kind: 'expired', node: node.name, track, group, version, mode: onExpiry });
    }
    // An update that tells of time passing, not of an object, is nothing that was received.
    const received = `${group} ${stored.deadlineBootMs}`;
    if (received === known) return;
    known = received;
    const payload = payloadOf(client, stored, stored.value);
    observe({ kind: 'received', node: node.name, track, group, payload });
  };
  see(subscription.current);
  for await (const { current } of subscription) see(current);
}

/** When two objects come in one breath, the store is ahead of the update: then the value stands for its bytes. */
function payloadOf({ store }: Client, { name, group }: StoredValue<NamedList>, value: NamedList): Uint8Array {
  const held = store.get(name);
  const content = held?.place.group === group ? held.content : null;
  return content?.kind === 'payload' ? content.payload : organisationList.encode(value);
}
