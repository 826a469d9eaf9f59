import type { Condition } from '@higgins/client';
import type { Runtime } from '@higgins/runtime';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AgentCore, ListState } from '../core/agent-core.js';
import { entriesOf } from '../core/list.js';
import { freshnessOf } from './list-report.js';

/** The agent's metrics; `higgins_agent_list_*` have one series per list. */
export class AgentMetrics {
  readonly registry: Registry = new Registry();
  readonly enforceSeconds = new Histogram({
    name: 'higgins_agent_enforce_seconds',
    help: 'Time from taking up a value to its last transaction in the kernel',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [this.registry],
  });
  readonly transactions = this.#counter('higgins_agent_transactions_total', 'Transactions that changed the kernel');
  readonly repairs = this.#counter('higgins_agent_drift_repairs_total', 'Times that a change by others was undone');
  readonly verificationFailures = this.#counter(
    'higgins_agent_verification_failures_total',
    'Verifications that failed',
  );
  readonly failures = this.#counter('higgins_agent_enforce_failures_total', 'Values that could not be enforced', [
    'list',
  ]);
  readonly expiries = this.#counter('higgins_agent_list_expiries_total', 'Values whose time ended', ['track']);
  readonly acknowledgements = this.#counter('higgins_agent_acknowledgements_total', 'Acknowledgements by result', [
    'result',
  ]);
  readonly connected = this.#gauge('higgins_agent_source_connected', '1 while the source of the lists is reachable', [
    'source',
  ]);

  /** Reads the states of all lists at every scrape. */
  constructor(core: AgentCore, runtime: Runtime) {
    const states = () => core.states();
    const bootMs = () => runtime.bootMs();
    this.#perList('higgins_agent_list_version', 'Version in force', states, ({ enforced }) => enforced?.value.version);
    this.#perList('higgins_agent_list_group', 'Group ID in force', states, ({ enforced }) => enforced?.value.group);
    this.#perList(
      'higgins_agent_list_entries',
      'Prefixes in force',
      states,
      ({ enforced }) => enforced && entriesOf(enforced.value),
    );
    this.#perList('higgins_agent_list_failed', '1 while the newest value is not in force', states, (state) =>
      state.failure ? 1 : 0,
    );
    this.#perList(
      'higgins_agent_list_applied_timestamp_seconds',
      'When the version took effect',
      states,
      ({ enforced }) => (enforced ? enforced.appliedWallMs / 1000 : null),
    );
    this.#perList('higgins_agent_list_remaining_seconds', 'Time left of the value in force', states, ({ enforced }) => {
      const deadlineBootMs = enforced?.value.deadlineBootMs;
      return deadlineBootMs == null ? null : Math.max(0, deadlineBootMs - bootMs()) / 1000;
    });
    this.#perList('higgins_agent_list_freshness', '2 live, 1 stale, 0 expired', states, ({ enforced }) =>
      enforced ? { live: 2, stale: 1, expired: 0 }[freshnessOf(enforced.value, bootMs())] : null,
    );
  }

  /** Adds why a list of the bus is not as fresh as it could be: 1 for the condition that holds. */
  tellConditions(core: AgentCore, condition: (track: string) => Condition | null): void {
    new Gauge({
      name: 'higgins_agent_list_condition',
      help: '1 for what holds: ok, heartbeat-lost (the writer is silent), disconnected (no relay), expired',
      labelNames: ['list', 'track', 'condition'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { id, track } of core.states()) {
          const holds = condition(track);
          if (holds !== null) this.set({ list: id, track, condition: holds }, 1);
        }
      },
    });
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #perList(
    name: string,
    help: string,
    states: () => readonly ListState[],
    read: (state: ListState) => number | null | undefined,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: ['list', 'track'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const state of states()) {
          const value = read(state);
          if (value != null) this.set({ list: state.id, track: state.track }, value);
        }
      },
    });
  }
}
