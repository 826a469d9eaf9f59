import { type AgentAction, AgentCore, type ListValue } from '@higgins/agent/core';
import { Client, type StoredValue } from '@higgins/client';
import { type NamedList, organisationList, parsePath } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import type { VirtualKernel } from './kernel.js';
import type { AuthoredList } from './list-author.js';
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

/** A PoP's agent: client and core as in production, with a kernel of the virtual machine as its target. */
export function agentProgram(options: AgentProgramOptions): Program {
  return async (context) => {
    const { runtime, transport, note } = context;
    const { identity, authoritiesPem, relays, pop } = options;
    const client = await Client.open({
      runtime,
      transport,
      writerId: `agent-${pop}`,
      relays: relays.map((url) => ({ url, authoritiesPem, identity, limits: CONNECTION_LIMITS })),
      onEvent: (event) => note(event.kind),
    });
    const agent = new Agent(client, context, options);
    for (const list of options.lists) void agent.follow(list);
  };
}

class Agent {
  readonly #client: Client;
  readonly #context: ProcessContext;
  readonly #options: AgentProgramOptions;
  readonly #core: AgentCore;
  readonly #received = new Map<string, { readonly group: number; readonly deadlineBootMs: number }>();
  #timer: Disposable | null = null;

  constructor(client: Client, context: ProcessContext, options: AgentProgramOptions) {
    this.#client = client;
    this.#context = context;
    this.#options = options;
    this.#core = new AgentCore(options.lists.map(({ track }) => ({ id: track, track })));
  }

  async follow({ params, track }: AuthoredList): Promise<void> {
    const subscription = this.#client.subscribe(organisationList, params);
    if (subscription.current !== null) {
      this.#observe(track, subscription.current);
      this.#take(track, subscription.current);
    }
    let group = subscription.current?.group ?? null;
    for await (const { current, refused } of subscription) {
      if (current !== null) {
        this.#observe(track, current);
        // As the production source does: a new object is on disk before it is enforced.
        if (current.group !== group) await this.#client.store.flush(current.name);
        group = current.group;
        this.#take(track, current);
      }
      if (refused !== null) this.#context.note(`refused ${track}: ${refused.reason}`);
    }
  }

  #take(track: string, stored: StoredValue<NamedList>): void {
    if (stored.value === null) return;
    this.#core.value(track, listValue(stored, stored.value));
    this.#turn();
  }

  /** An update that tells of time passing, not of an object, is nothing that was received. */
  #observe(track: string, { name, group, deadlineBootMs, value }: StoredValue<NamedList>): void {
    if (value === null) return;
    const known = this.#received.get(track);
    if (known?.group === group && known.deadlineBootMs === deadlineBootMs) return;
    this.#received.set(track, { group, deadlineBootMs });
    const { node, observe } = this.#context;
    const held = this.#client.store.get(name);
    // When two objects come in one breath, the store is ahead of the update: then the value stands for its bytes.
    const content = held?.place.group === group ? held.content : null;
    const payload = content?.kind === 'payload' ? content.payload : organisationList.encode(value);
    observe({ kind: 'received', node: node.name, track, group, payload });
  }

  #turn(): void {
    this.#core.tick(this.#now());
    for (let action = this.#core.next(); action !== null; action = this.#core.next()) this.#carryOut(action);
    this.#arm();
  }

  #carryOut(action: AgentAction): void {
    if (action.kind === 'acknowledge') {
      const { pop } = this.#options;
      const acknowledged = this.#client.acknowledgements(pop).set(parsePath(action.track), action.applied);
      acknowledged.catch((error: unknown) => this.#context.note(`acknowledgement failed: ${String(error)}`));
      return;
    }
    const { runtime } = this.#context;
    runtime.at(runtime.bootMs() + this.#options.enforceMs, () => this.#enforce(action.id, action.value));
  }

  #enforce(track: string, value: ListValue): void {
    const { node, runtime, observe } = this.#context;
    const { group, version, deadlineBootMs } = value;
    this.#options.kernel.enforce(track, { group, version: version ?? 0, deadlineBootMs });
    if (this.#options.kernel.inForce(track) !== null) {
      observe({ kind: 'enforced', node: node.name, track, group, version: version ?? 0 });
    }
    this.#core.applied(track, value, Math.floor(runtime.wallMs()));
    this.#turn();
  }

  #arm(): void {
    const { runtime } = this.#context;
    const nextBootMs = this.#core.nextBootMs();
    this.#timer?.[Symbol.dispose]();
    this.#timer = nextBootMs === null ? null : runtime.at(nextBootMs, () => this.#turn());
  }

  #now() {
    const { runtime } = this.#context;
    return { bootMs: runtime.bootMs(), wallMs: runtime.wallMs(), random: runtime.random() };
  }
}

function listValue(stored: StoredValue<NamedList>, { version, expiry, entries }: NamedList): ListValue {
  const { group, deadlineBootMs, ttlMs, publishMs } = stored;
  const { ipv4, ipv6 } = entries;
  return { group, version, ipv4, ipv6, onExpiry: expiry, deadlineBootMs, ttlMs, publishedWallMs: publishMs };
}
