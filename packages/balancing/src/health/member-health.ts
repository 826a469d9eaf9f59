import { addToWindow, type RateSlice, reaches, type TrafficSample } from './rate-window.js';
import type { ActiveCheckSettings, OutlierSettings } from './settings.js';

/** What an operator asked for. `drained`: the drain is over, by its deadline or because no flow is left. */
export type AdminState = 'enabled' | 'disabled' | 'draining' | 'drained';

/** The circuit breaker: `open` takes no traffic, `half-open` some on trial. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** Everything that a member's state machine remembers, as plain data: to be kept on disk over a restart. */
export interface MemberRecord {
  readonly name: string;
  admin: AdminState;
  /** When the drain ends at the latest; null: when no flow is left. */
  drainDeadlineMs: number | null;
  /** Whether active checks hold the member for healthy; null before the first result of a member that starts unavailable. */
  passing: boolean | null;
  /** Whether the member is set up for the pool's data path; null before that is known. True where nobody asks. */
  fit: boolean | null;
  /** Results of checks in a row: above 0 successes, below 0 failures. */
  checkRun: number;
  breaker: BreakerState;
  /** Failed connections in a row. */
  failureRun: number;
  /** Successful connections on trial. */
  trialSuccesses: number;
  window: RateSlice[];
  /** Ejections in a row, without a clean time of one base ejection between them. */
  ejections: number;
  /** When the present status began. */
  sinceMs: number;
  /** When an open breaker half-opens or closes. */
  restoreAtMs: number | null;
  /** Since when the breaker is closed again; null while it isn't, or never opened. */
  closedAtMs: number | null;
  /** When the member came back into service, for slow start; null: full weight. */
  returnedAtMs: number | null;
}

/** `active` and `on-trial` take new flows, the others do not. */
export type MemberState = 'active' | 'on-trial' | 'ejected' | 'draining' | 'drained' | 'disabled';

/** Why a member is ejected. */
export type EjectionReason = 'active-check-failure' | 'outlier-detection' | 'direct-return-failure' | 'not-checked-yet';

/** A member's state as others see it. */
export interface MemberStatus {
  readonly state: MemberState;
  /** Null unless ejected. */
  readonly reason: EjectionReason | null;
}

/** The state before anything happened. */
export function newRecord(
  name: string,
  active: ActiveCheckSettings | null,
  fitnessRequired: boolean,
  nowMs: number,
): MemberRecord {
  return {
    ...{ name, admin: 'enabled', drainDeadlineMs: null },
    ...{ passing: active === null || active.startAvailable ? true : null, checkRun: 0 },
    fit: fitnessRequired ? null : true,
    ...{ breaker: 'closed', failureRun: 0, trialSuccesses: 0, window: [], ejections: 0 },
    ...{ sinceMs: nowMs, restoreAtMs: null, closedAtMs: null, returnedAtMs: null },
  };
}

/** A copy that shares nothing with the record. */
export function copyRecord(record: MemberRecord): MemberRecord {
  return { ...record, window: record.window.map((slice) => ({ ...slice })) };
}

/** What the record amounts to: the operator's wish first, then the checks, then the breaker. */
export function statusOf(record: MemberRecord): MemberStatus {
  if (record.admin !== 'enabled') return { state: record.admin, reason: null };
  if (record.passing === false) return { state: 'ejected', reason: 'active-check-failure' };
  if (record.fit === false) return { state: 'ejected', reason: 'direct-return-failure' };
  if (record.passing === null || record.fit === null) return { state: 'ejected', reason: 'not-checked-yet' };
  if (record.breaker === 'open') return { state: 'ejected', reason: 'outlier-detection' };
  return { state: record.breaker === 'half-open' ? 'on-trial' : 'active', reason: null };
}

/** Whether new flows may go to a member in this state. */
export function isAvailable({ state }: MemberStatus): boolean {
  return state === 'active' || state === 'on-trial';
}

/** Takes in the result of one active check. */
export function applyCheck(record: MemberRecord, success: boolean, active: ActiveCheckSettings | null): void {
  if (active === null) return;
  record.checkRun = success ? Math.max(record.checkRun, 0) + 1 : Math.min(record.checkRun, 0) - 1;
  if (record.checkRun >= active.rise) record.passing = true;
  if (record.checkRun <= -active.fall) record.passing = false;
  // The flows that a drain waits for are dead too.
  if (record.passing === false && record.admin === 'draining') record.admin = 'drained';
}

/**
 * Takes in outcomes of real connections; true if the member deserves an ejection. The order within a sample is unknown, so
 * any success in it ends the run of failures.
 */
export function applyTraffic(
  record: MemberRecord,
  sample: TrafficSample,
  nowMs: number,
  settings: OutlierSettings,
): boolean {
  if (record.breaker === 'open') return false;
  addToWindow(record.window, sample, nowMs);
  record.failureRun = sample.successes > 0 ? 0 : record.failureRun + sample.failures;
  if (record.breaker === 'half-open') return applyTrial(record, sample, nowMs, settings);
  return (
    record.failureRun >= settings.consecutiveFailures ||
    reaches(record.window, 'failures', settings.failureRate) ||
    reaches(record.window, 'slow', settings.slowRate)
  );
}

/** Opens the breaker: the n-th time in a row for n times the base time. */
export function eject(record: MemberRecord, nowMs: number, { ejectionMs, ejectionMsMax }: OutlierSettings): void {
  const clean = record.closedAtMs !== null && nowMs - record.closedAtMs >= ejectionMs;
  record.ejections = clean ? 1 : record.ejections + 1;
  record.breaker = 'open';
  record.restoreAtMs = nowMs + Math.min(record.ejections * ejectionMs, ejectionMsMax);
  record.closedAtMs = null;
  record.failureRun = 0;
  record.window = [];
}

/** Lets time pass: an ejection or a drain may be over. True if a drain met its deadline. */
export function applyTime(record: MemberRecord, nowMs: number, outlier: OutlierSettings | null): boolean {
  if (record.breaker === 'open' && record.restoreAtMs !== null && nowMs >= record.restoreAtMs) {
    if (outlier?.halfOpen) startTrial(record);
    else closeBreaker(record, record.restoreAtMs);
  }
  const drained = record.admin === 'draining' && record.drainDeadlineMs !== null && nowMs >= record.drainDeadlineMs;
  if (drained) record.admin = 'drained';
  return drained;
}

/** When `applyTime` next changes something; null: never by itself. */
export function nextTimeoutOf(record: MemberRecord): number | null {
  const drain = record.admin === 'draining' ? record.drainDeadlineMs : null;
  const restore = record.breaker === 'open' ? record.restoreAtMs : null;
  if (drain === null || restore === null) return drain ?? restore;
  return Math.min(drain, restore);
}

/** Whether one more failure or two may take the member out: worth an early check. */
export function isSuspicious({ passing, checkRun }: MemberRecord): boolean {
  return passing === true && checkRun < 0;
}

function applyTrial(
  record: MemberRecord,
  sample: TrafficSample,
  nowMs: number,
  { halfOpen }: OutlierSettings,
): boolean {
  if (sample.failures > 0) return true;
  record.trialSuccesses += sample.successes;
  if (halfOpen === null || record.trialSuccesses >= halfOpen.successes) closeBreaker(record, nowMs);
  return false;
}

function startTrial(record: MemberRecord): void {
  record.breaker = 'half-open';
  record.trialSuccesses = 0;
  record.restoreAtMs = null;
}

function closeBreaker(record: MemberRecord, atMs: number): void {
  record.breaker = 'closed';
  record.closedAtMs = atMs;
  record.restoreAtMs = null;
}
