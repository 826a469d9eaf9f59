import type { Condition } from '@higgins/client';
import type { Runtime } from '@higgins/runtime';
import { type AgentConfig, enforcementOf } from '../config.js';
import type { AgentCore } from '../core/agent-core.js';
import { reportOf } from './list-report.js';
import type { ListMatch, LocalState } from './local-server.js';
import { ListMatchers } from './matchers.js';

export interface LocalStateOptions {
  readonly config: AgentConfig;
  readonly core: AgentCore;
  readonly runtime: Runtime;
  /** Null for a track that is not of the bus. */
  condition(track: string): Condition | null;
}

/** What local programs may know, computed from memory when asked. */
export function localState({ config, core, runtime, condition }: LocalStateOptions): LocalState {
  const matchers = new ListMatchers();
  const imposed = new Map(config.lists.map((list) => [enforcementOf(list).id, list.onExpiry ?? null]));
  const lists = () =>
    core.states().map((state) => {
      const circumstances = { onExpiry: imposed.get(state.id) ?? null, condition: condition(state.track) };
      return reportOf(state, circumstances, runtime.bootMs());
    });
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
