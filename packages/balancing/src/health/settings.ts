import { BalancingError } from '../errors.js';

/** When results of active checks change a member's state. */
export interface ActiveCheckSettings {
  /** Whether a member serves before its first check; default true. */
  readonly startAvailable: boolean;
  /** Successes in a row that bring a failed member back, 1 to 255; default 2. */
  readonly rise: number;
  /** Failures in a row that take a member out, 1 to 255; default 3. */
  readonly fall: number;
}

/** A share of bad connections among at least `volumeMin` within the last minute. */
export interface RateThreshold {
  /** Above 0, at most 1. */
  readonly share: number;
  /** Connections below which the share says nothing, 1 to 1,000,000. */
  readonly volumeMin: number;
}

/** How a member gets traffic on trial after an ejection. */
export interface HalfOpenSettings {
  /** Successful connections that end the trial, 1 to 255; default 3. One failure ejects again. */
  readonly successes: number;
  /** Connections at a time while on trial, 1 to 65,535; what is above goes to other members. Default 1. */
  readonly connectionsMax: number;
}

/** When connections of real traffic take a member out, and for how long. */
export interface OutlierSettings {
  /** Failed connections in a row, 1 to 65,535; default 3. */
  readonly consecutiveFailures: number;
  /** Share of failed connections; null: not looked at. */
  readonly failureRate: RateThreshold | null;
  /** Share of slow connections; null: not looked at. */
  readonly slowRate: RateThreshold | null;
  /** First ejection, 1 to 86,400,000; the n-th in a row lasts n times as long. Default 30,000. */
  readonly ejectionMs: number;
  /** Longest ejection; default ten times `ejectionMs`. */
  readonly ejectionMsMax: number;
  /**
   * Share of the pool up to which members are ejected, 0 to 100, rounded down; default 50. Members that fail active
   * checks count, but are never kept in by it.
   */
  readonly maxEjectionPercent: number;
  /** Null: an ejected member comes back without a trial. */
  readonly halfOpen: HalfOpenSettings | null;
}

/** What new flows meet when no member is healthy. */
export type WhenNoneHealthy = 'reject' | 'fail-open';

/** Settings of a pool's health. */
export interface HealthSettings {
  /** Null: members are not checked and count as healthy. */
  readonly active: ActiveCheckSettings | null;
  /** Null: real traffic takes no member out. */
  readonly outlier: OutlierSettings | null;
  /** Time over which a member that comes back gets its full weight, in ten steps; 0 (default) to 3,600,000. */
  readonly slowStartMs: number;
  /** Below this share of available members all of them serve, 0 (default, never) to 100. */
  readonly panicPercent: number;
  /** `fail-open`: all members that are neither disabled nor draining serve. Default `reject`. */
  readonly whenNoneHealthy: WhenNoneHealthy;
  /**
   * Whether a new member has to be found fit (`PoolHealth.setFit`) before it serves, and one that is not never serves, also
   * where all serve because none is healthy. Default false.
   */
  readonly fitnessRequired: boolean;
}

/** What `healthSettings` takes: everything optional, sections filled in on their own. */
export interface HealthOptions extends Partial<Omit<HealthSettings, 'active' | 'outlier'>> {
  readonly active?: Partial<ActiveCheckSettings> | null;
  readonly outlier?:
    | (Partial<Omit<OutlierSettings, 'halfOpen'>> & { halfOpen?: Partial<HalfOpenSettings> | null })
    | null;
}

/**
 * Fills in the defaults; sections that are absent are off.
 *
 * @throws BalancingError `RANGE` that names the field.
 */
export function healthSettings(options: HealthOptions = {}): HealthSettings {
  const { active = null, outlier = null, slowStartMs = 0, panicPercent = 0, whenNoneHealthy = 'reject' } = options;
  const { fitnessRequired = false } = options;
  check('slowStartMs', slowStartMs, 0, 3_600_000);
  check('panicPercent', panicPercent, 0, 100);
  return {
    active: active && activeSettings(active),
    outlier: outlier && outlierSettings(outlier),
    slowStartMs,
    panicPercent,
    whenNoneHealthy,
    fitnessRequired,
  };
}

function activeSettings({ startAvailable = true, rise = 2, fall = 3 }: Partial<ActiveCheckSettings>) {
  check('active.rise', rise, 1, 255);
  check('active.fall', fall, 1, 255);
  return { startAvailable, rise, fall };
}

function outlierSettings(options: NonNullable<HealthOptions['outlier']>): OutlierSettings {
  const { consecutiveFailures = 3, ejectionMs = 30_000, maxEjectionPercent = 50 } = options;
  const { ejectionMsMax = 10 * ejectionMs, failureRate = null, slowRate = null, halfOpen = null } = options;
  check('outlier.consecutiveFailures', consecutiveFailures, 1, 65_535);
  check('outlier.ejectionMs', ejectionMs, 1, 86_400_000);
  check('outlier.ejectionMsMax', ejectionMsMax, ejectionMs, 864_000_000);
  check('outlier.maxEjectionPercent', maxEjectionPercent, 0, 100);
  checkRate('outlier.failureRate', failureRate);
  checkRate('outlier.slowRate', slowRate);
  const trial = halfOpen && halfOpenSettings(halfOpen);
  return { consecutiveFailures, failureRate, slowRate, ejectionMs, ejectionMsMax, maxEjectionPercent, halfOpen: trial };
}

function halfOpenSettings({ successes = 3, connectionsMax = 1 }: Partial<HalfOpenSettings>): HalfOpenSettings {
  check('outlier.halfOpen.successes', successes, 1, 255);
  check('outlier.halfOpen.connectionsMax', connectionsMax, 1, 65_535);
  return { successes, connectionsMax };
}

function checkRate(field: string, rate: RateThreshold | null): void {
  if (rate === null) return;
  check(`${field}.volumeMin`, rate.volumeMin, 1, 1_000_000);
  if (rate.share > 0 && rate.share <= 1) return;
  throw new BalancingError('RANGE', `${field}.share`, rate.share, 'a number above 0 and at most 1');
}

function check(field: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new BalancingError('RANGE', field, value, `a whole number from ${min} to ${max}`);
}
