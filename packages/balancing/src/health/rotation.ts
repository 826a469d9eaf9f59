import type { WeightedMember } from '../slot-table.js';
import { isAvailable, type MemberRecord, statusOf } from './member-health.js';
import type { ActiveCheckSettings, HealthSettings } from './settings.js';

/** A member of a pool as it is configured. */
export interface PoolMember {
  readonly name: string;
  /** 0 to 65,535; a member of weight 0 takes no new flows. */
  readonly weight: number;
  /** 0 to 255; members of the lowest number that has an available one serve; others are backups. Default 0. */
  readonly priority?: number;
  /** What is checked, for instance address and check as text: under another definition health starts anew. */
  readonly definition?: string;
  /** Its own instead of the pool's; null: not checked, and counts as healthy. Default: the pool's. */
  readonly active?: ActiveCheckSettings | null;
}

/**
 * Who serves, and why: `normal`, `backup` (no primary is available), `panic` (too few are), `fail-open` (none is, and all
 * serve) or `reject` (none serves).
 */
export type PoolMode = 'normal' | 'backup' | 'panic' | 'fail-open' | 'reject';

/** What selectors get: the members of the priority that serves, with the share of its weight that each has for now. */
export interface Rotation {
  readonly mode: PoolMode;
  /** Empty for `reject`. */
  readonly members: readonly WeightedMember[];
}

/** A member and what is known of its health. */
export interface PoolEntry {
  readonly member: PoolMember;
  readonly record: MemberRecord;
}

/** Steps of slow start. */
const STEPS = 10;

/** The rotation that the states amount to at a time. */
export function rotationOf(entries: readonly PoolEntry[], settings: HealthSettings, nowMs: number): Rotation {
  const eligible = entries.filter(({ member, record }) => {
    return member.weight > 0 && record.admin === 'enabled' && record.fit === true;
  });
  const priorities = [...new Set(eligible.map(priorityOf))].sort((a, b) => a - b);
  const serving = priorities.find((priority) =>
    eligible.some((entry) => priorityOf(entry) === priority && isIn(entry)),
  );
  if (serving === undefined) return withoutHealthy(eligible, priorities[0], settings);
  const tier = entries.filter((entry) => priorityOf(entry) === serving);
  const candidates = eligible.filter((entry) => priorityOf(entry) === serving);
  const share = (candidates.filter(isIn).length / candidates.length) * 100;
  if (share < settings.panicPercent) return { mode: 'panic', members: allOf(tier, candidates) };
  const lowest = Math.min(...entries.map(priorityOf));
  return { mode: serving === lowest ? 'normal' : 'backup', members: weigh(tier, settings, nowMs) };
}

/** When slow start next changes a weight; null: it doesn't. */
export function nextStepMs(record: MemberRecord, { slowStartMs }: HealthSettings, nowMs: number): number | null {
  const { returnedAtMs } = record;
  if (returnedAtMs === null || !isAvailable(statusOf(record))) return null;
  const step = stepOf(record, slowStartMs, nowMs);
  return step >= STEPS ? null : returnedAtMs + (step * slowStartMs) / STEPS;
}

function withoutHealthy(
  eligible: readonly PoolEntry[],
  priority: number | undefined,
  { whenNoneHealthy }: HealthSettings,
): Rotation {
  const tier = eligible.filter((entry) => priorityOf(entry) === priority);
  if (whenNoneHealthy === 'reject' || tier.length === 0) return { mode: 'reject', members: [] };
  return { mode: 'fail-open', members: allOf(tier, tier) };
}

function allOf(tier: readonly PoolEntry[], inService: readonly PoolEntry[]): WeightedMember[] {
  return tier.map((entry) => shareOf(entry, inService.includes(entry) ? 100 : 0));
}

function weigh(tier: readonly PoolEntry[], { slowStartMs }: HealthSettings, nowMs: number): WeightedMember[] {
  return tier.map((entry) => {
    const step = isIn(entry) ? stepOf(entry.record, slowStartMs, nowMs) : 0;
    return shareOf(entry, (100 / STEPS) * step);
  });
}

function shareOf({ member: { name, weight } }: PoolEntry, sharePercent: number): WeightedMember {
  return { name, weight, sharePercent };
}

/** 1 to 10: the tenths of its weight that the member has. */
function stepOf({ breaker, returnedAtMs }: MemberRecord, slowStartMs: number, nowMs: number): number {
  // A trial is held back by the number of connections; slow start begins when it is over.
  if (breaker === 'half-open' || returnedAtMs === null || slowStartMs === 0) return STEPS;
  let step = 1;
  // The same sum as in `nextStepMs`: a step is due exactly when its timer fires.
  while (step < STEPS && nowMs >= returnedAtMs + (step * slowStartMs) / STEPS) step++;
  return step;
}

function isIn({ member, record }: PoolEntry): boolean {
  return member.weight > 0 && isAvailable(statusOf(record));
}

function priorityOf({ member }: PoolEntry): number {
  return member.priority ?? 0;
}
