import { Netlink } from '@higgins/netlink';
import type { Runtime } from '@higgins/runtime';
import { NodeRuntime } from '@higgins/runtime/node';
import { createLogger, type Logger, serveOperations } from '@higgins/service';
import type { Applied } from '@higgins/signals';
import { type AgentConfig, enforcementOf } from '../config.js';
import { AgentCore } from '../core/agent-core.js';
import type { ListSource, ListValue } from '../core/list.js';
import { NftTarget } from '../targets/nft/target.js';
import { FileListSource } from './file-source.js';
import { fingerprintFile } from './fingerprint-file.js';
import { type ListReport, reportOf } from './list-report.js';
import { type ListMatch, serveLocalState } from './local-server.js';
import { ListMatchers } from './matchers.js';
import { AgentMetrics } from './metrics.js';
import { RelayAddresses } from './relay-addresses.js';
import { Runner, type RunnerEvents } from './runner.js';

/** What a program that starts an agent may exchange. */
export interface AgentOptions {
  /** Default writes to standard error. */
  readonly logger?: Logger;
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
  const acknowledge = (track: string, applied: Applied) => {
    metrics.acknowledgements.inc({ result: applied.result });
    options.onAcknowledgement?.(track, applied);
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
  for (const source of [files]) startSource(source, core, runner, metrics, logger);
  const local = localState(config, core, runtime);
  const operations = config.operations
    ? resources.use(
        await serveOperations({ ...config.operations, registry: metrics.registry, notReady: () => notReady(core) }),
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

function fileSource(config: AgentConfig, runtime: Runtime): FileListSource {
  const files = config.lists.flatMap(({ track, file, fileTtlMs, onExpiry }) =>
    file === undefined
      ? []
      : [{ track, path: file, onExpiry: onExpiry ?? ('unset' as const), ttlMs: fileTtlMs ?? null }],
  );
  const byTrack = new Map(files.map((file) => [file.track, file]));
  return new FileListSource([...byTrack.values()], runtime);
}

function startSource(source: ListSource, core: AgentCore, runner: Runner, metrics: AgentMetrics, logger: Logger): void {
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
      metrics.connected.set(connected ? 1 : 0);
      if (!connected) logger.warn({ reason }, 'no connection to the source of the lists');
    },
  });
}

function runnerEvents(core: AgentCore, metrics: AgentMetrics, logger: Logger): RunnerEvents {
  const enforcedBefore = (id: string) => core.states().find((state) => state.id === id)?.enforced?.value;
  return {
    enforced(id, value, outcome, enforceMs) {
      if (outcome.transactions === 0) return;
      metrics.transactions.inc(outcome.transactions);
      metrics.enforceSeconds.observe(enforceMs / 1000);
      if (isRepair(enforcedBefore(id), value)) metrics.repairs.inc();
      const { group, version } = value;
      logger.info({ list: id, group, version, ...outcome, enforceMs }, 'list enforced');
    },
    failed(id, value, error) {
      metrics.failures.inc({ list: id });
      logger.error(
        { list: id, group: value.group, version: value.version, reason: error.message },
        'list not enforced',
      );
    },
    structureRepaired() {
      metrics.repairs.inc();
      logger.warn({}, 'nft structure was changed by others and is repaired');
    },
    verificationFailed(error) {
      metrics.verificationFailures.inc();
      logger.error({ reason: error.message }, 'verification failed');
    },
  };
}

/** The very value that was in force already needed transactions: somebody had changed it. */
function isRepair(before: ListValue | undefined, value: ListValue): boolean {
  return before === value;
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
