import type { Runtime } from '@higgins/runtime';
import { type AgentConfig, enforcementOf } from '../config.js';
import type { AgentCore } from '../core/agent-core.js';
import { reportOf } from './list-report.js';
import type { ListMatch, LocalState } from './local-server.js';
import { ListMatchers } from './matchers.js';

/** What local programs may know, computed from memory when asked. */
export function localState(config: AgentConfig, core: AgentCore, runtime: Runtime): LocalState {
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
