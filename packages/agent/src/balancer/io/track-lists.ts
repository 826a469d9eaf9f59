import { createHash } from 'node:crypto';
import type { BalancerConfiguration, Listener, LoadBalancer, SourceList } from '@higgins/balancing';
import { Netlink } from '@higgins/netlink';
import { QuicTransport } from '@higgins/quic';
import type { Runtime } from '@higgins/runtime';
import { AgentCore } from '../../core/agent-core.js';
import { isListTrack } from '../../io/bus-source.js';
import { fingerprintFile } from '../../io/fingerprint-file.js';
import { ListAgent } from '../../io/list-agent.js';
import { RelayAddresses } from '../../io/relay-addresses.js';
import type { Log } from '../../log.js';
import type { Enforcement } from '../../targets/nft/model.js';
import { listId } from '../../targets/nft/names.js';
import { NftTarget } from '../../targets/nft/target.js';
import type { BalancerBus } from './balancer-options.js';

/** A named list of the bus that guards a listener. */
interface GuardedListener {
  readonly track: string;
  readonly enforcement: Enforcement;
}

/** What the lists need of the balancer. */
export interface TrackListsOptions {
  readonly bus: BalancerBus;
  readonly node: string;
  readonly runtime: Runtime;
  readonly logger: Log;
  /** Name of the table that holds the lists; it is ours alone. */
  readonly table: string;
}

/** Lists are judged before addresses are translated, where nft has the mangle priority, or before earlier chains of ours. */
const PRIORITY = -150;

/**
 * Enforces the named lists that listeners refer to, with the target that agents have for lists: a table of its own, and a
 * TTL that the kernel keeps. Until its first value comes, an allow list lets nobody in and a block list everybody.
 */
export class TrackLists implements AsyncDisposable {
  readonly #options: TrackListsOptions;
  #inForce = '[]';
  #working: Promise<void> = Promise.resolve();
  #resources: AsyncDisposableStack | null = null;

  constructor(options: TrackListsOptions) {
    this.#options = options;
  }

  /** Why the lists of a configuration can't be enforced; null if they can, or if there are none. */
  static refusal({ loadBalancers }: BalancerConfiguration, bus: BalancerBus | null): string | null {
    for (const { listeners } of loadBalancers) {
      for (const { name, protocol, allow, block } of listeners) {
        for (const list of [allow, block]) {
          if (list?.kind !== 'track') continue;
          const what = `listener "${name}" names the list ${list.track}`;
          if (!isListTrack(list.track)) {
            return `${what}, expected org/{org}/lists/{list} or platform/lists/{list}`;
          }
          if (bus === null) return `${what}, but there is no relay to take it from`;
          if (protocol === 'sctp') return `${what}, but lists of the bus guard TCP and UDP only`;
        }
      }
    }
    return null;
  }

  /**
   * Follows and enforces the lists of these configurations from now on, and no others; resolves once the kernel has them,
   * with a value or with what holds until the first one comes.
   *
   * @throws NftError if the kernel does not take them; what was in force still is
   */
  async follow(configurations: readonly BalancerConfiguration[]): Promise<void> {
    const lists = [...new Map(configurations.flatMap(listsOf).map((list) => [list.enforcement.id, list])).values()];
    const work = this.#working.then(async () => {
      const text = JSON.stringify(lists);
      if (text === this.#inForce) return;
      await this.#replace(lists);
      this.#inForce = text;
    });
    this.#working = work.catch(() => undefined);
    await work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#working;
    await this.#resources?.disposeAsync();
  }

  /** What is in the kernel stays in force between one set of lists and the next. */
  async #replace(lists: readonly GuardedListener[]): Promise<void> {
    this.#inForce = '';
    await this.#resources?.disposeAsync();
    this.#resources = null;
    const { runtime, table, logger } = this.#options;
    await using resources = new AsyncDisposableStack();
    const store = fingerprintFile(runtime.disk, runtime.bootId);
    if (lists.length === 0 && (await store.read()) === null) return;
    const target = new NftTarget({
      ...{ table, netlink: new Netlink(), store, bootMs: () => runtime.bootMs() },
      lists: lists.map(({ enforcement }) => ({ enforcement, onExpiry: null })),
    });
    const urls = this.#options.bus.relays.map(({ url }) => url);
    const addresses = resources.use(new RelayAddresses(urls, runtime, (relays) => target.setRelays(relays)));
    await addresses.start();
    await target.repair();
    if (lists.length > 0) await this.#enforce(lists, target, resources);
    this.#resources = resources.move();
    logger.info({ lists: lists.map(({ track }) => track) }, 'lists of listeners');
  }

  async #enforce(lists: readonly GuardedListener[], target: NftTarget, resources: AsyncDisposableStack): Promise<void> {
    const { runtime, node, logger, bus } = this.#options;
    const agent = await ListAgent.open({
      core: new AgentCore(lists.map(({ track, enforcement }) => ({ id: enforcement.id, track }))),
      ...{ target, runtime, log: logger },
      bus: {
        transport: new QuicTransport(),
        relays: bus.relays,
        pop: node,
        tracks: [...new Set(lists.map(({ track }) => track))],
      },
      publishesAcknowledgements: false,
    });
    resources.use(agent).start();
  }
}

function listsOf({ loadBalancers }: BalancerConfiguration): GuardedListener[] {
  return loadBalancers.flatMap((loadBalancer) =>
    loadBalancer.listeners.flatMap((listener) => [
      ...guard(loadBalancer, listener, 'allow', listener.allow),
      ...guard(loadBalancer, listener, 'block', listener.block),
    ]),
  );
}

function guard(
  loadBalancer: LoadBalancer,
  listener: Listener,
  action: 'allow' | 'block',
  list: SourceList | null,
): GuardedListener[] {
  if (list?.kind !== 'track') return [];
  const { owner, name, chainPriority } = loadBalancer;
  const digest = createHash('sha256')
    .update(JSON.stringify([owner, name, listener.name, action]))
    .digest('hex');
  const addresses = listener.addresses.length > 0 ? listener.addresses : loadBalancer.addresses;
  const ports = { tcp: [] as number[], udp: [] as number[] };
  if (listener.protocol !== 'sctp') ports[listener.protocol].push(listener.port);
  const enforcement: Enforcement = {
    ...{ id: listId(list.track, digest), hook: 'prerouting', priority: Math.min(PRIORITY, chainPriority - 1) },
    ...{ interfaces: listener.interfaces, ports, match: 'source', action },
    destinations: addresses.length === 0 ? 'local' : addresses,
    refusal: action === 'allow' ? 'reject' : 'drop',
    initialExpiry: action === 'allow' ? 'closed' : 'open',
  };
  return [{ track: list.track, enforcement }];
}
