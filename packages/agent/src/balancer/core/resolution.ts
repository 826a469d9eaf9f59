import type { Family } from '@higgins/balancing';
import { familyOfRange } from './addresses.js';
import type { ResolutionResult } from './contract.js';

/** What an answer without a time to live, or with one of 0, is good for; and the longest wait after a failure. */
const DEFAULT_MS = 25_000;
/** Records of a shorter life are not asked for more often. */
const INTERVAL_MS_MIN = 1_000;
/** Records of a longer life are asked for at least once a day. */
const INTERVAL_MS_MAX = 86_400_000;
/** Failed resolutions are retried up to this share earlier, so that many names do not ask in step. */
const JITTER_SHARE = 0.2;

/** What is known of a name when its next resolution is planned. */
export interface ResolutionHistory {
  /** Of the newest answer; null if there never was one, or if its source tells none. */
  readonly ttlMs: number | null;
  /** Configured time between resolutions; null: the answer's own. */
  readonly overrideMs: number | null;
  /** Failures in a row since the newest answer, 0 and above. */
  readonly failures: number;
  /** Whether there ever was an answer. */
  readonly resolved: boolean;
}

/**
 * Time from the end of one resolution to the next; `random` is 0 up to 1.
 *
 * After an answer: its TTL, or what is configured; 25 s if the TTL is 0 or unknown, never below 1 s. After a failure: the
 * same, but at most 25 s, and up to a fifth earlier. A name that never resolved is asked for after 1 s, 2 s, 4 s and so
 * on up to that, so that a node that starts before its name server serves soon.
 */
export function nextResolutionMs(history: ResolutionHistory, random: number): number {
  const { ttlMs, overrideMs, failures, resolved } = history;
  const wishedMs = overrideMs ?? (ttlMs === null || ttlMs === 0 ? DEFAULT_MS : ttlMs);
  const intervalMs = Math.min(INTERVAL_MS_MAX, Math.max(INTERVAL_MS_MIN, wishedMs));
  if (failures === 0) return intervalMs;
  const retryMs = Math.min(intervalMs, DEFAULT_MS);
  const soonMs = resolved ? retryMs : Math.min(retryMs, INTERVAL_MS_MIN * 2 ** (failures - 1));
  return soonMs * (1 - JITTER_SHARE * random);
}

/**
 * What is known after an answer: its addresses, and of the families that no server answered for those that were known,
 * because only an answer takes an address away. Sorted by family, and as the answer is.
 */
export function addressesKnown(known: readonly string[], answer: ResolutionResult): readonly string[] {
  const { unanswered = [] } = answer;
  const all = [...known.filter((address) => unanswered.includes(familyOfRange(address))), ...answer.addresses];
  return ([4, 6] as const).flatMap((family) => ofFamily(all, family));
}

/** The addresses of one family. */
export function ofFamily(addresses: readonly string[], family: Family): string[] {
  return addresses.filter((address) => familyOfRange(address) === family);
}

/** The address of a name that is one member: the one in use while it is known, else the lowest, which comes first. */
export function addressInUse(addresses: readonly string[], inUse: string | null): string | null {
  return inUse !== null && addresses.includes(inUse) ? inUse : (addresses[0] ?? null);
}
