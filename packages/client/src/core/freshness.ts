import { RENEWAL_PART } from '../limits.js';

/** `stale`: the value is in force, but two renewals in a row did not come. `expired`: its time is up. */
export type Freshness = 'live' | 'stale' | 'expired';

/**
 * Why a value is not as fresh as it could be: its writer fell silent, our own connection is gone, or its time is up.
 * `disconnected` hides `heartbeat-lost`, as nothing is known of the writer then.
 */
export type Condition = 'ok' | 'heartbeat-lost' | 'disconnected' | 'expired';

/** When a value becomes stale unless it is renewed: a third of its TTL before the end. */
export function staleAtBootMs(deadlineBootMs: number, ttlMs: number): number {
  return deadlineBootMs - ttlMs * RENEWAL_PART;
}

/** At its deadline a value is expired already. */
export function freshnessAt(nowBootMs: number, deadlineBootMs: number, ttlMs: number): Freshness {
  if (nowBootMs >= deadlineBootMs) return 'expired';
  return nowBootMs >= staleAtBootMs(deadlineBootMs, ttlMs) ? 'stale' : 'live';
}

/** What is known of where a value comes from. */
export interface SourceState {
  /** A session with a relay is up. */
  readonly connected: boolean;
  /** Renewals or heartbeats of its writer did not come, though they could have. */
  readonly silent: boolean;
}

export function conditionOf(freshness: Freshness, { connected, silent }: SourceState): Condition {
  if (freshness === 'expired') return 'expired';
  if (!connected) return 'disconnected';
  return silent ? 'heartbeat-lost' : 'ok';
}
