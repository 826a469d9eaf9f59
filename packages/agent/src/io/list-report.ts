import type { Condition } from '@higgins/client';
import type { ListPhase, ListState } from '../core/agent-core.js';
import { entriesOf, type ListValue } from '../core/list.js';

/** `stale`: in force, but a renewal is overdue. `expired`: its time is up, whatever is in force instead. */
export type Freshness = 'live' | 'stale' | 'expired';

/** Renewals come at a third of the TTL: when only a third is left, one of them is missing. */
const STALE_PART = 1 / 3;

/** What the local socket and the command line tell of one list. Times are in ms; null where there is none. */
export interface ListReport {
  readonly id: string;
  readonly track: string;
  readonly phase: ListPhase;
  readonly group: number | null;
  readonly version: number | null;
  readonly entries: number | null;
  readonly freshness: Freshness | null;
  /** For a list of the bus: whether its writer fell silent, the agent's own connection is gone, or its time is up. */
  readonly condition: Condition | null;
  readonly ageMs: number | null;
  readonly remainingMs: number | null;
  /** What holds once the time is up. */
  readonly onExpiry: string | null;
  readonly appliedWallMs: number | null;
  readonly failure: { readonly group: number; readonly version: number | null; readonly reason: string } | null;
}

/** What is known of a list beside its state. */
export interface ListCircumstances {
  /** The mode that the configuration imposes, if any. */
  readonly onExpiry: string | null;
  readonly condition: Condition | null;
}

/** The report of one list at a moment. */
export function reportOf(state: ListState, circumstances: ListCircumstances, nowBootMs: number): ListReport {
  const { id, track, phase, enforced, failure } = state;
  const value = enforced?.value ?? null;
  return {
    id,
    track,
    phase,
    group: value?.group ?? null,
    version: value?.version ?? null,
    entries: value && entriesOf(value),
    freshness: value && freshnessOf(value, nowBootMs),
    condition: circumstances.condition,
    ageMs:
      value?.ttlMs == null || value.deadlineBootMs === null ? null : nowBootMs - (value.deadlineBootMs - value.ttlMs),
    remainingMs: value?.deadlineBootMs == null ? null : Math.max(0, value.deadlineBootMs - nowBootMs),
    onExpiry: circumstances.onExpiry ?? value?.onExpiry ?? null,
    appliedWallMs: enforced?.appliedWallMs ?? null,
    failure: failure && { group: failure.group, version: failure.version, reason: failure.reason },
  };
}

/** How fresh a value is; one without an end is always live. */
export function freshnessOf({ deadlineBootMs, ttlMs }: ListValue, nowBootMs: number): Freshness {
  if (deadlineBootMs === null) return 'live';
  if (nowBootMs >= deadlineBootMs) return 'expired';
  return ttlMs !== null && deadlineBootMs - nowBootMs <= ttlMs * STALE_PART ? 'stale' : 'live';
}
