import { Netlink } from '@higgins/netlink';
import { QuicTransport } from '@higgins/quic';
import type { Runtime } from '@higgins/runtime';
import { NodeRuntime } from '@higgins/runtime/node';
import { createLogger, type Logger, serveOperations } from '@higgins/service';
import type { Applied } from '@higgins/signals';
import type { Transport } from '@higgins/transport';
import { type AgentConfig, enforcementOf } from '../config.js';
import { AgentCore } from '../core/agent-core.js';
import { NftTarget } from '../targets/nft/target.js';
import { claimExclusively } from './exclusive.js';
import { FileListSource } from './file-source.js';
import { fingerprintFile } from './fingerprint-file.js';
import { ListAgent, type ListAgentOptions } from './list-agent.js';
import type { ListReport } from './list-report.js';
import { type ListMatch, type LocalState, serveLocalState } from './local-server.js';
import { localState } from './local-state.js';
import { AgentMetrics } from './metrics.js';
import { RelayAddresses } from './relay-addresses.js';
import { relayAddresses } from './tls-files.js';

/** What a program that starts an agent may exchange. */
export interface AgentOptions {
  /** Default writes to standard error. */
  readonly logger?: Logger;
  /** Default is QUIC; closed together with the agent. */
  readonly transport?: Transport;
  /** Sees every acknowledgement, also without a bus. */
  readonly onAcknowledgement?: (track: string, applied: Applied) => void;
}

/** An agent at work. Disposing it stops the program's part; what is in the kernel stays in force. */
export interface Agent extends AsyncDisposable {
  /** Where metrics and health are served, or null. */
  readonly operations: { readonly host: string; readonly port: number } | null;
  lists(): readonly ListReport[];
  /** Null if there is no list of that track. Throws AddressError. */
  match(track: string, address: string): ListMatch | null;
  /** Reads list files again, as SIGHUP does. */
  reload(): void;
}

/**
 * Starts an agent: brings the table about, enforces what the sources deliver, verifies it, acknowledges it.
 *
 * @throws NftError if the right or the program to do so is missing; Error if another agent has the state directory or
 * the table, or an address or the socket can't be served
 */
export async function startAgent(config: AgentConfig, options: AgentOptions = {}): Promise<Agent> {
  await using resources = new AsyncDisposableStack();
  const logger = options.logger ?? createLogger('agent', config.logLevel);
  resources.use(await claimExclusively(config.stateDirectory, config.nft.table));
  const runtime = resources.use(new NodeRuntime({ directory: config.stateDirectory }));
  const core = new AgentCore(config.lists.map((list) => ({ id: enforcementOf(list).id, track: list.track })));
  const metrics = new AgentMetrics(core, runtime);
  const target = await openTarget(config, runtime, resources);
  const acknowledged = (track: string, applied: Applied) => {
    metrics.acknowledgements.inc({ result: applied.result });
    if (applied.result === 'expired') metrics.expiries.inc({ track });
    options.onAcknowledgement?.(track, applied);
  };
  const bus = busOptions(config, options);
  const agent = resources.use(await ListAgent.open({ core, target, runtime, log: logger, metrics, bus, acknowledged }));
  const files = resources.use(fileSource(config, runtime));
  files.start(agent.observer('files'));
  agent.start();
  const condition = (track: string) => agent.bus?.condition(track) ?? null;
  metrics.tellConditions(core, condition);
  const local = localState({ config, core, runtime, condition });
  const operations = await openEndpoints(config, core, metrics, local, resources);
  const owned = resources.move();
  return {
    operations,
    ...local,
    reload: () => files.reload(),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** The kernel's side, with the table as it should be before any list is. */
async function openTarget(
  config: AgentConfig,
  runtime: NodeRuntime,
  resources: AsyncDisposableStack,
): Promise<NftTarget> {
  const target = new NftTarget({
    table: config.nft.table,
    lists: config.lists.map((list) => ({ enforcement: enforcementOf(list), onExpiry: list.onExpiry ?? null })),
    netlink: new Netlink(),
    store: fingerprintFile(runtime.disk, runtime.bootId),
    bootMs: () => runtime.bootMs(),
  });
  const urls = config.relays.map(({ url }) => url);
  const addresses = resources.use(new RelayAddresses(urls, runtime, (relays) => target.setRelays(relays)));
  await addresses.start();
  await target.repair();
  return target;
}

async function openEndpoints(
  config: AgentConfig,
  core: AgentCore,
  metrics: AgentMetrics,
  local: LocalState,
  resources: AsyncDisposableStack,
): Promise<Agent['operations']> {
  if (config.localSocket !== undefined) resources.use(await serveLocalState(config.localSocket, local));
  if (config.admin === undefined) return null;
  const notReady = () => unenforced(core);
  const server = await serveOperations({ ...config.admin, registry: metrics.registry, notReady });
  resources.use(server);
  return { host: server.host, port: server.port };
}

/** Null without relays: then every list has a file. */
function busOptions(config: AgentConfig, { transport }: AgentOptions): ListAgentOptions['bus'] {
  if (config.relays.length === 0) return null;
  const tracks = new Set(config.lists.filter(({ file }) => file === undefined).map(({ track }) => track));
  return {
    transport: transport ?? new QuicTransport(),
    relays: relayAddresses(config),
    pop: config.pop,
    tracks: [...tracks],
  };
}

function fileSource(config: AgentConfig, runtime: Runtime): FileListSource {
  const files = config.lists.flatMap(({ track, file, fileTtlMs, onExpiry }) =>
    file === undefined
      ? []
      : [{ track, path: file, onExpiry: onExpiry ?? ('unset' as const), ttlMs: fileTtlMs ?? null }],
  );
  const byTrack = new Map(files.map((file) => [file.track, file]));
  return new FileListSource([...byTrack.values()], runtime);
}

function unenforced(core: AgentCore): string | null {
  const waiting = core.states().filter(({ enforced }) => enforced === null);
  return waiting.length === 0 ? null : `not enforced yet: ${waiting.map(({ track }) => track).join(', ')}`;
}
