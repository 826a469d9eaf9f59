import type { ClientEvent } from '@higgins/client';
import { formatTrackName } from '@higgins/protocol';
import { formatNamespace } from '@higgins/signals';
import type { AgentCore } from '../core/agent-core.js';
import type { ListObserver, ListValue } from '../core/list.js';
import type { Log } from '../log.js';
import type { AgentMetrics } from './metrics.js';
import type { Runner, RunnerEvents } from './runner.js';

/** What a program tells of its lists: logs, and metrics where it has them. */
export interface Telling {
  readonly core: AgentCore;
  readonly log: Log;
  readonly metrics?: AgentMetrics;
}

/** Logs and counts what the runner tells. */
export function runnerEvents({ core, log, metrics }: Telling): RunnerEvents {
  const enforcedBefore = (id: string) => core.states().find((state) => state.id === id)?.enforced?.value;
  return {
    enforced(id, value, outcome, enforceMs) {
      if (outcome.transactions === 0) return;
      metrics?.transactions.inc(outcome.transactions);
      metrics?.enforceSeconds.observe(enforceMs / 1000);
      if (isRepair(enforcedBefore(id), value)) metrics?.repairs.inc();
      const { group, version } = value;
      log.info({ list: id, group, version, ...outcome, enforceMs }, 'list enforced');
    },
    failed(id, value, error) {
      metrics?.failures.inc({ list: id });
      log.error({ list: id, group: value.group, version: value.version, reason: error.message }, 'list not enforced');
    },
    structureRepaired() {
      metrics?.repairs.inc();
      log.warn({}, 'nft structure was changed by others and is repaired');
    },
    verificationFailed(error) {
      metrics?.verificationFailures.inc();
      log.error({ reason: error.message }, 'verification failed');
    },
  };
}

/** The very value that was in force already needed transactions: somebody had changed it. */
function isRepair(before: ListValue | undefined, value: ListValue): boolean {
  return before === value;
}

/** Logs what the client of the bus tells: troubles as warnings. */
export function logClientEvent(log: Log, event: ClientEvent): void {
  const { kind, ...details } = event;
  const plain = {
    ...details,
    ...('name' in details ? { name: formatTrackName(details.name) } : {}),
    ...('namespace' in details ? { namespace: formatNamespace(details.namespace) } : {}),
  };
  const isTrouble = /failed|refused|disconnected|gap/.test(kind);
  log[isTrouble ? 'warn' : 'info']({ event: kind, ...plain }, `bus: ${kind}`);
}

/** Hands on what a source delivers, and logs what is unusual. */
export function sourceObserver(source: string, runner: Runner, { core, log, metrics }: Telling): ListObserver {
  return {
    value(track, value) {
      core.value(track, value);
      runner.turn();
    },
    refused(track, refusal) {
      log.warn({ track, ...refusal }, 'list refused, the last good one stays in force');
      core.refused(track, refusal, runner.now());
      runner.turn();
    },
    deleted(track, group) {
      log.info({ track, group }, 'list deleted by its owner');
      core.deleted(track, group);
      runner.turn();
    },
    connected(connected, reason) {
      metrics?.connected.set({ source }, connected ? 1 : 0);
      if (!connected) log.debug({ source, reason }, 'no connection to the source of the lists');
    },
  };
}
