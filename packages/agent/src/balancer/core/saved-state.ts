import type { MemberRecord, MemberReport } from '@higgins/balancing';
import type { SavedNodes } from './live-nodes.js';
import type { SavedName } from './name-book.js';
import type { Now } from './now.js';

/** What one member's health remembers over a restart. */
export interface SavedMember {
  readonly name: string;
  readonly definition: string;
  readonly record: MemberRecord;
}

/** A drain that an operator asked for. */
export interface SavedDrain {
  readonly owner: string;
  readonly loadBalancer: string;
  readonly pool: string;
  /** As configured. */
  readonly member: string;
  readonly deadlineBootMs: number | null;
}

/** Everything that a balancer needs to go on after a restart as if nothing had happened; plain data. */
export interface SavedState {
  readonly version: 1;
  /** Times below are on the clock of this boot. */
  readonly bootId: string;
  readonly bootMs: number;
  readonly wallMs: number;
  readonly seeds: readonly (readonly [loadBalancer: string, seed: number])[];
  readonly names: readonly SavedName[];
  readonly pools: readonly { readonly key: string; readonly members: readonly SavedMember[] }[];
  readonly drains: readonly SavedDrain[];
  /** Other nodes of the PoP that were counted last. */
  readonly nodes: readonly SavedNodes[];
  /** The operator removed everything from the kernel, and wants it so until a reload. */
  readonly flushed: boolean;
}

/**
 * The state with its times on the clock of this boot: after a reboot the wall clock says how long it took, and a wall
 * clock that went back says nothing, so that what is left of an ejection or a drain is never more than it was.
 */
export function rebased(saved: SavedState, bootId: string, now: Now): SavedState {
  if (saved.bootId === bootId) return saved;
  const shiftMs = now.bootMs - saved.bootMs - Math.max(0, now.wallMs - saved.wallMs);
  const shift = (time: number | null) => (time === null ? null : time + shiftMs);
  const member = ({ name, definition, record }: SavedMember): SavedMember => ({
    name,
    definition,
    record: {
      ...record,
      // Its slices are numbered by the clock of the other boot; a minute of traffic is soon counted anew.
      window: [],
      drainDeadlineMs: shift(record.drainDeadlineMs),
      sinceMs: record.sinceMs + shiftMs,
      restoreAtMs: shift(record.restoreAtMs),
      closedAtMs: shift(record.closedAtMs),
      returnedAtMs: shift(record.returnedAtMs),
    },
  });
  return {
    ...saved,
    ...{ bootId, bootMs: now.bootMs, wallMs: now.wallMs },
    pools: saved.pools.map(({ key, members }) => ({ key, members: members.map(member) })),
    drains: saved.drains.map((drain) => ({ ...drain, deadlineBootMs: shift(drain.deadlineBootMs) })),
  };
}

/** Reports in the form in which they are kept. */
export function savedMembers(reports: readonly MemberReport[]): SavedMember[] {
  return reports.map(({ member, record }) => ({ name: member.name, definition: member.definition ?? '', record }));
}

/** Saved members in the form that a pool's health takes. */
export function restorableMembers(saved: readonly SavedMember[]): Pick<MemberReport, 'member' | 'record'>[] {
  return saved.map(({ name, definition, record }) => ({ member: { name, definition, weight: 1 }, record }));
}
