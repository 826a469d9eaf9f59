import { BalancingError } from './errors.js';
import { type FlowKey, SOURCE_KEY } from './flow-key.js';
import type { Algorithm } from './selector.js';

/** Clients stay with the member that they got, for a time. */
export interface Affinity {
  /** What makes a client; default its source address. */
  readonly key: FlowKey;
  /** 1,000 to 86,400,000; starts anew with every new flow of the client. Default 3,600,000. */
  readonly ttlMs: number;
  /** Clients remembered at a time, 1 to 1,048,576; the kernel holds some 100 bytes for each. Default 65,536. */
  readonly entriesMax: number;
}

const TTL_MS_MIN = 1_000;
const TTL_MS_MAX = 86_400_000;
const ENTRIES_MAX = 1_048_576;

/** Fills in the defaults. @throws BalancingError `RANGE`. */
export function affinity({
  key = SOURCE_KEY,
  ttlMs = 3_600_000,
  entriesMax = 65_536,
}: Partial<Affinity> = {}): Affinity {
  checkWhole('ttlMs', ttlMs, TTL_MS_MIN, TTL_MS_MAX);
  checkWhole('entriesMax', entriesMax, 1, ENTRIES_MAX);
  return { key, ttlMs, entriesMax };
}

/** Whether the algorithm keeps clients together by itself, so that remembering them changes nothing. */
export function affinityIsRedundant(algorithm: Algorithm): boolean {
  return algorithm === 'source-hash';
}

/** Whom the kernel remembers: a client's key as bytes or text, and its member. */
export interface AffinityEntry<K> {
  readonly key: K;
  readonly member: string;
}

/** The entries to delete at once, because their member takes no new flows: their clients get another one. */
export function staleEntries<K>(entries: Iterable<AffinityEntry<K>>, serving: ReadonlySet<string>): K[] {
  return [...entries].filter(({ member }) => !serving.has(member)).map(({ key }) => key);
}

function checkWhole(field: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new BalancingError('RANGE', field, value, `a whole number from ${min} to ${max}`);
}
