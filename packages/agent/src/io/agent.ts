import { Netlink } from '@higgins/netlink';
import { QuicTransport } from '@higgins/quic';
import type { Runtime } from '@higgins/runtime';
import { NodeRuntime } from '@higgins/runtime/node';
import { createLogger, type Logger, serveOperations } from '@higgins/service';
import type { Applied } from '@higgins/signals';
import type { Transport } from '@higgins/transport';
import { type AgentConfig, enforcementOf } from '../config.js';
import { AgentCore } from '../core/agent-core.js';
import type { ListSource } from '../core/list.js';
import { NftTarget } from '../targets/nft/target.js';
import { BusListSource } from './bus-source.js';
import { logClientEvent, runnerEvents } from './events.js';
import { FileListSource } from './file-source.js';
import { fingerprintFile } from './fingerprint-file.js';
import { type ListReport, reportOf } from './list-report.js';
import { type ListMatch, serveLocalState } from './local-server.js';
import { ListMatchers } from './matchers.js';
import { AgentMetrics } from './metrics.js';
import { RelayAddresses } from './relay-addresses.js';
import { Runner } from './runner.js';
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
 * @throws NftError if the right or the program to do so is missing; Error if an address or the socket can't be served
 */
export async function startAgent(config: AgentConfig, options: AgentOptions = {}): Promise<Agent> {
  await using resources = new AsyncDisposableStack();
  const logger = options.logger ?? createLogger('agent', config.logLevel);
  const runtime = resources.use(new NodeRuntime({ directory: config.stateDirectory }));
  const lists = config.lists.map((list) => ({
    track: list.track,
    enforcement: enforcementOf(list),
    onExpiry: list.onExpiry ?? null,
  }));
  const core = new AgentCore(lists.map(({ track, enforcement }) => ({ id: enforcement.id, track })));
  const metrics = new AgentMetrics(
    () => core.states(),
    () => runtime.bootMs(),
  );
  const target = new NftTarget({
    table: config.nft.table,
    lists,
    netlink: new Netlink(),
    store: fingerprintFile(runtime.disk, runtime.bootId),
    bootMs: () => runtime.bootMs(),
  });
  const addresses = resources.use(
    new RelayAddresses(
      config.relays.map(({ url }) => url),
      runtime,
      (relays) => target.setRelays(relays),
    ),
  );
  await addresses.start();
  await target.repair();
  const bus = await openBus(config, options, runtime, logger);
  if (bus) resources.use(bus);
  const acknowledge = (track: string, applied: Applied) => {
    metrics.acknowledgements.inc({ result: applied.result });
    options.onAcknowledgement?.(track, applied);
    bus?.acknowledge(track, applied).catch((error: unknown) => {
      logger.error({ track, reason: String(error) }, 'acknowledgement not published');
    });
  };
  const runner = resources.use(
    new Runner({
      core,
      target,
      runtime,
      events: runnerEvents(core, metrics, logger),
      acknowledge: (action) => acknowledge(action.track, action.applied),
    }),
  );
  const files = resources.use(fileSource(config, runtime));
  startSource('files', files, core, runner, metrics, logger);
  if (bus) startSource('bus', bus, core, runner, metrics, logger);
  const local = localState(config, core, runtime);
  const operations = config.admin
    ? resources.use(
        await serveOperations({ ...config.admin, registry: metrics.registry, notReady: () => notReady(core) }),
      )
    : null;
  if (config.localSocket !== undefined) resources.use(await serveLocalState(config.localSocket, local));
  runner.start();
  const owned = resources.move();
  return {
    operations: operations && { host: operations.host, port: operations.port },
    ...local,
    reload: () => files.reload(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Null if no list comes from the bus. */
async function openBus(
  config: AgentConfig,
  options: AgentOptions,
  runtime: Runtime,
  logger: Logger,
): Promise<BusListSource | null> {
  const tracks = new Set(config.lists.filter(({ file }) => file === undefined).map(({ track }) => track));
  if (config.relays.length === 0) return null;
  return await BusListSource.open({
    runtime,
    transport: options.transport ?? new QuicTransport(),
    relays: relayAddresses(config),
    pop: config.pop,
    tracks: [...tracks],
    onEvent: (event) => logClientEvent(logger, event),
  });
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

function startSource(
  name: string,
  source: ListSource,
  core: AgentCore,
  runner: Runner,
  metrics: AgentMetrics,
  logger: Logger,
): void {
  source.start({
    value(track, value) {
      core.value(track, value);
      runner.turn();
    },
    refused(track, refusal) {
      logger.warn({ track, ...refusal }, 'list refused, the last good one stays in force');
      core.refused(track, refusal, runner.now());
      runner.turn();
    },
    deleted(track, group) {
      logger.info({ track, group }, 'list deleted by its owner');
      core.deleted(track, group);
      runner.turn();
    },
    connected(connected, reason) {
      metrics.connected.set({ source: name }, connected ? 1 : 0);
      if (!connected) logger.warn({ reason }, 'no connection to the source of the lists');
    },
  });
}

function notReady(core: AgentCore): string | null {
  const waiting = core.states().filter(({ enforced }) => enforced === null);
  return waiting.length === 0 ? null : `not enforced yet: ${waiting.map(({ track }) => track).join(', ')}`;
}

function localState(config: AgentConfig, core: AgentCore, runtime: Runtime) {
  const matchers = new ListMatchers();
  const imposed = new Map(config.lists.map((list) => [enforcementOf(list).id, list.onExpiry ?? null]));
  const lists = () => core.states().map((state) => reportOf(state, imposed.get(state.id) ?? null, runtime.bootMs()));
  const match = (track: string, address: string): ListMatch | null => {
    const index = core.states().findIndex((state) => state.track === track);
    const list = lists()[index];
    const value = core.states()[index]?.enforced?.value;
    if (!list) return null;
    const over = list.freshness === 'expired' && list.onExpiry !== 'hold';
    return { track, address, listed: value && !over ? matchers.matches(value, address) : null, list };
  };
  return { lists, match };
}
