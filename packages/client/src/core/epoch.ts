import type { Vi64 } from '@higgins/protocol';
import { EpochError } from '../errors.js';

/** Epochs count seconds from here, 2026-01-01T00:00:00Z, when a clock is all there is to go by. */
export const EPOCH_ORIGIN_WALL_MS = 1_767_225_600_000;

/** Groups of one track within one epoch: the lower bits of a Group ID. */
export const GROUPS_PER_EPOCH = 2 ** 22;

/** Epochs stay below this, so that Group IDs stay below 2^53. */
export const EPOCH_LIMIT = 2 ** 31;

/** How far an epoch may be ahead of the clock: further means that a clock or a store is wrong. */
export const EPOCH_AHEAD_SECONDS_MAX = 365 * 24 * 60 * 60;

/** What the next epoch is computed from. */
export interface EpochEvidence {
  /** The epoch that was used last, from the writer's own store; null if there is none. */
  readonly storedEpoch: number | null;
  /** The newest epoch that was seen on the writer's tracks; null if none was. */
  readonly seenEpoch: number | null;
  readonly wallMs: number;
}

/** A writer's time in office: its epoch, and the clocks when it began. */
export interface Epoch {
  readonly epoch: number;
  readonly startWallMs: number;
  readonly startBootMs: number;
}

/**
 * The epoch that a writer takes now, above everything that is known to have been used: a restart, a failover and a
 * store restored from an old backup all sort behind it.
 *
 * Throws EpochError `epoch-refused` for an epoch of 2^31 or more, or a year ahead of the clock.
 */
export function nextEpoch(evidence: EpochEvidence): number {
  const clock = Math.floor((evidence.wallMs - EPOCH_ORIGIN_WALL_MS) / 1000);
  const epoch = Math.max((evidence.storedEpoch ?? -1) + 1, (evidence.seenEpoch ?? -1) + 1, clock, 0);
  const refusal = epochRefusal(epoch, evidence.wallMs);
  if (refusal !== null) throw new EpochError('epoch-refused', refusal);
  return epoch;
}

/** Why an epoch is not credible at this time, or null if it is. */
export function epochRefusal(epoch: number, wallMs: number): string | null {
  if (!Number.isSafeInteger(epoch) || epoch < 0 || epoch >= EPOCH_LIMIT) {
    return `epoch ${epoch} is not an integer from 0 to 2^31 - 1`;
  }
  const clock = (wallMs - EPOCH_ORIGIN_WALL_MS) / 1000;
  if (epoch > clock + EPOCH_AHEAD_SECONDS_MAX) {
    return `epoch ${epoch} is more than a year ahead of the clock (${Math.floor(clock)}): check the clock and the store`;
  }
  return null;
}

/** Group ID = epoch * 2^22 + counter. The caller keeps `counter` below GROUPS_PER_EPOCH. */
export function groupId(epoch: number, counter: number): number {
  return epoch * GROUPS_PER_EPOCH + counter;
}

/** The epoch of a Group ID. Group IDs of foreign publishers may lie beyond 2^53; their epoch is only an order then. */
export function epochOf(group: Vi64): number {
  return Math.floor(Number(group) / GROUPS_PER_EPOCH);
}

/** Publish time: the wall clock when the epoch began plus the boot time since, so that no clock step shows in it. */
export function publishTimeMs(epoch: Epoch, bootMs: number): number {
  return Math.round(epoch.startWallMs + (bootMs - epoch.startBootMs));
}
