import type { Applied } from '@higgins/signals';
import type { ListState } from './agent-core.js';
import { entriesOf } from './list.js';

/**
 * What a PoP says of a track, over all enforcements of it: refused if one of them failed, else expired if one is, else
 * applied once all have the newest value; null while one is under way.
 */
export function acknowledgementOf(states: readonly ListState[]): Applied | null {
  const failure = states.map((state) => state.failure).find((each) => each !== null);
  if (failure) {
    const { group, version, reason, atWallMs } = failure;
    return { result: 'refused', group, version, appliedWallMs: atWallMs, entries: null, reason };
  }
  const enforced = states.map((state) => state.enforced);
  const groups = new Set(states.map((state) => state.enforced?.value.group));
  const [first] = enforced;
  if (!first || groups.size !== 1) return null;
  const latest = enforced.reduce((latestMs, each) => Math.max(latestMs, each?.appliedWallMs ?? 0), 0);
  return {
    result: states.some((state) => state.phase === 'expired') ? 'expired' : 'applied',
    group: first.value.group,
    version: first.value.version,
    appliedWallMs: Math.floor(latest),
    entries: entriesOf(first.value),
    reason: null,
  };
}
