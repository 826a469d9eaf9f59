import { Client } from '@higgins/client';
import { formatPath, gatewayConfiguration, type NodePools, nodePools } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import type { GatewayAuthor } from './balancer-author.js';
import { CONNECTION_LIMITS } from './relay.js';
import { clientWords } from './words.js';

export interface ControlProgramOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  readonly relays: readonly string[];
  readonly author: GatewayAuthor;
  readonly ttlMs: number;
  /** Pause between two versions: so much at least, and at random up to three times that. */
  readonly intervalMs: number;
  /** No new versions from this world time on. */
  readonly untilMs: number;
  /** Balancers whose pools are watched. */
  readonly nodes: readonly string[];
  /** A balancer that is not there, in whose name it is told that every member of all pools is ejected. */
  readonly forged: string;
  /** Hears what a balancer tells of its pools. */
  readonly told: (node: string, pools: NodePools) => void;
}

/** Publishes the desired state of a gateway and watches what the balancers make of it, as the control plane will. */
export function controlProgram(options: ControlProgramOptions): Program {
  const { identity, authoritiesPem, relays, nodes } = options;
  return async (context) => {
    const { runtime, transport, note } = context;
    const client = await Client.open({
      ...{ runtime, transport, writerId: context.node.name },
      relays: relays.map((url) => ({ url, authoritiesPem, identity, limits: CONNECTION_LIMITS })),
      onEvent: (event) => note(clientWords(event)),
    });
    observeCommits(client, context, options);
    for (const node of nodes) void watchPools(client, node, options);
    forge(client, context, options);
    author(client, context, options);
  };
}

function observeCommits(client: Client, { node, observe }: ProcessContext, { author }: ControlProgramOptions): void {
  const tell: Parameters<typeof client.publisher.listen>[0]['committed'] = (track, { object, payload }) => {
    const path = formatPath(track.name);
    const group = track.writer.newest?.group;
    if (path !== author.track || group === undefined) return;
    const { version } = gatewayConfiguration.decode(payload);
    author.committed(version, group);
    observe({ kind: 'committed', node: node.name, track: path, group, object, payload, ttlMs: track.ttlMs, version });
  };
  // What the journal of an earlier process brings back is visible again from the start.
  for (const track of client.publisher.tracks()) {
    for (const object of track.writer.newest?.objects ?? []) tell(track, object, true);
  }
  client.publisher.listen({ committed: tell, retired() {} });
}

function author(client: Client, { runtime, note }: ProcessContext, options: ControlProgramOptions): void {
  const { author, ttlMs, intervalMs, untilMs } = options;
  const write = () => {
    const published = client.publish(gatewayConfiguration, author.gateway, author.write(runtime.wallMs()), { ttlMs });
    published.catch((error: unknown) => note(`publish failed: ${String(error)}`));
  };
  const writeLater = () => {
    runtime.at(runtime.bootMs() + intervalMs * (1 + 2 * runtime.random()), () => {
      if (runtime.world.nowMs >= untilMs) return;
      write();
      writeLater();
    });
  };
  if (author.version === 0) write();
  writeLater();
}

/** What anybody may say on the bus must not matter to a pool. */
function forge(client: Client, { note }: ProcessContext, { author, forged, ttlMs }: ControlProgramOptions): void {
  const members = author.membersOf(0).map(({ name, address }) => ({
    ...{ name, address, port: 1, status: 'ejected' as const, reason: 'active-check-failure' as const },
    ...{ sinceWallMs: 0, restoreWallMs: null },
  }));
  const pools = ['web', 'api'].map((name) => ({ name, family: 4 as const, serving: 'reject' as const, members }));
  const published = client.publish(nodePools, { ...author.gateway, node: forged }, { pools }, { ttlMs });
  published.catch((error: unknown) => note(`publish failed: ${String(error)}`));
}

async function watchPools(client: Client, node: string, { author, told }: ControlProgramOptions): Promise<void> {
  for await (const { current } of client.subscribe(nodePools, { ...author.gateway, node })) {
    if (current?.value != null) told(node, current.value);
  }
}
