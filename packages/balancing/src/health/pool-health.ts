import { BalancingError } from '../errors.js';
import { PRIORITY_MAX } from '../limits.js';
import { weightedMembers } from '../slot-table.js';
import type { MemberReport, MemberTransition, PoolTransition, Transition } from './events.js';
import {
  type AdminState,
  applyCheck,
  applyTime,
  applyTraffic,
  copyRecord,
  eject,
  isAvailable,
  isSuspicious,
  type MemberRecord,
  type MemberStatus,
  newRecord,
  nextTimeoutOf,
  statusOf,
} from './member-health.js';
import type { TrafficSample } from './rate-window.js';
import { nextStepMs, type PoolEntry, type PoolMember, type PoolMode, type Rotation, rotationOf } from './rotation.js';
import type { ActiveCheckSettings, HealthSettings } from './settings.js';

interface Entry extends PoolEntry {
  member: PoolMember;
  /** What was last reported. */
  status: MemberStatus;
}

/**
 * The health of a pool, sans-IO: results and time go in, transitions come out, and `rotation` says who serves. `nowMs` is
 * any clock that never goes back, and must be the same in all calls; a member that is not in the pool is a `NAME` error.
 *
 * A member serves if the operator has it enabled, active checks pass, real traffic did not eject it, and it is fit for the
 * data path where that is asked for. All are judged apart, so a member comes back only when all agree.
 */
export class PoolHealth {
  #settings: HealthSettings;
  #entries = new Map<string, Entry>();
  #mode: PoolMode;

  /** @throws BalancingError for a bad member, as `buildMaglev`; `RANGE` for a bad priority. */
  constructor(settings: HealthSettings, members: readonly PoolMember[], nowMs: number) {
    this.#settings = settings;
    checkMembers(members);
    for (const member of members) this.#entries.set(member.name, this.#enter(member, nowMs));
    this.#mode = this.rotation(nowMs).mode;
  }

  /**
   * Takes over another configuration. Members whose name and definition are as before keep their state and their counts;
   * members with another definition keep what the operator asked for, and start anew otherwise, as new ones do. Members
   * that are gone are not reported.
   *
   * @throws BalancingError for a bad member, as `buildMaglev`; then nothing has changed.
   */
  configure(settings: HealthSettings, members: readonly PoolMember[], nowMs: number): Transition[] {
    checkMembers(members);
    const transitions = this.advance(nowMs);
    const before = this.#entries;
    this.#settings = settings;
    this.#entries = new Map();
    for (const member of members) {
      const known = before.get(member.name);
      const same = known !== undefined && known.member.definition === member.definition;
      const entry = same ? { ...known, member } : this.#enter(member, nowMs);
      if (known !== undefined) {
        entry.status = known.status;
        copyAdmin(known.record, entry.record);
      } else if (settings.slowStartMs > 0) entry.record.returnedAtMs = nowMs;
      this.#entries.set(member.name, entry);
      this.#adapt(entry);
      transitions.push(...this.#changes(entry, nowMs, 'keep'));
    }
    return [...transitions, ...this.#modeChange(nowMs)];
  }

  /** The result of one active check. */
  check(name: string, success: boolean, nowMs: number): Transition[] {
    return this.#event(name, nowMs, (record, member) => applyCheck(record, success, this.#activeOf(member)));
  }

  /** Whether a member is set up for the pool's data path; without effect where the settings do not require it. */
  setFit(name: string, fit: boolean, nowMs: number): Transition[] {
    if (!this.#settings.fitnessRequired) return this.advance(nowMs);
    return this.#event(name, nowMs, (record) => {
      record.fit = fit;
    });
  }

  /** What `setFit` said last; null: nothing yet. */
  isFit(name: string): boolean | null {
    return this.#entry(name).record.fit;
  }

  /** Outcomes of real connections since the last call. */
  traffic(name: string, sample: TrafficSample, nowMs: number): Transition[] {
    const { outlier } = this.#settings;
    return this.#event(name, nowMs, (record) => {
      if (outlier === null || !applyTraffic(record, sample, nowMs, outlier)) return;
      if (this.#mayEject(record, outlier.maxEjectionPercent)) eject(record, nowMs, outlier);
    });
  }

  /** Ends new flows to a member; it is `drained` at the deadline, or when `empty` is reported. Null: no deadline. */
  drain(name: string, deadlineMs: number | null, nowMs: number): Transition[] {
    return this.#administer(name, 'draining', nowMs, deadlineMs);
  }

  /** A draining member has no flow left. */
  empty(name: string, nowMs: number): Transition[] {
    return this.#event(name, nowMs, (record) => {
      if (record.admin === 'draining') record.admin = 'drained';
    });
  }

  /** Ends a drain, finished or not, or a disablement. */
  enable(name: string, nowMs: number): Transition[] {
    return this.#administer(name, 'enabled', nowMs);
  }

  /** Takes a member out until it is enabled; established flows stay. */
  disable(name: string, nowMs: number): Transition[] {
    return this.#administer(name, 'disabled', nowMs);
  }

  /** Lets time pass; call it at `nextTimeoutMs`, later calls make up for it. */
  advance(nowMs: number): Transition[] {
    const transitions = [...this.#entries.values()].flatMap((entry) => {
      const drained = applyTime(entry.record, nowMs, this.#settings.outlier);
      return this.#changes(entry, nowMs, drained ? 'cut' : 'keep');
    });
    // The mode follows from who is available, which only a transition changes.
    return transitions.length === 0 ? [] : [...transitions, ...this.#modeChange(nowMs)];
  }

  /** When to call `advance` next, because an ejection, a drain or a step of slow start ends; null: no need. */
  nextTimeoutMs(nowMs: number): number | null {
    let next: number | null = null;
    for (const { record } of this.#entries.values()) {
      for (const time of [nextTimeoutOf(record), nextStepMs(record, this.#settings, nowMs)]) {
        if (time !== null && (next === null || time < next)) next = time;
      }
    }
    return next;
  }

  /** Who serves at this time, for `select`. */
  rotation(nowMs: number): Rotation {
    return rotationOf([...this.#entries.values()], this.#settings, nowMs);
  }

  /** Whether the member's next check should come early, because the last one failed and it still serves. */
  isSuspicious(name: string): boolean {
    return isSuspicious(this.#entry(name).record);
  }

  /** All members with their states, in the order of the configuration. */
  report(): MemberReport[] {
    return [...this.#entries.values()].map(({ member, record }) => ({
      member,
      status: statusOf(record),
      sinceMs: record.sinceMs,
      restoreAtMs: restoreAt(record),
      record: copyRecord(record),
    }));
  }

  /**
   * Takes over states that `report` gave earlier on the same clock, so that a restart changes nothing; members that are
   * unknown or defined otherwise are ignored. Call it before any event; it returns what time has changed since.
   */
  restore(reports: readonly Pick<MemberReport, 'member' | 'record'>[], nowMs: number): Transition[] {
    for (const { member, record } of reports) {
      const entry = this.#entries.get(member.name);
      if (entry === undefined || entry.member.definition !== member.definition) continue;
      const own = copyRecord(record);
      this.#adapt({ member: entry.member, record: own });
      this.#entries.set(member.name, { ...entry, record: own, status: statusOf(own) });
    }
    this.#mode = this.rotation(nowMs).mode;
    return this.advance(nowMs);
  }

  #enter(member: PoolMember, nowMs: number): Entry {
    const record = newRecord(member.name, this.#activeOf(member), this.#settings.fitnessRequired, nowMs);
    return { member, record, status: statusOf(record) };
  }

  /** States that the settings no longer know end: without checks all pass, without detection or trials breakers close. */
  #adapt({ member, record }: PoolEntry): void {
    if (this.#activeOf(member) === null) record.passing = true;
    if (!this.#settings.fitnessRequired) record.fit = true;
    if (this.#settings.outlier === null) record.breaker = 'closed';
    if (this.#settings.outlier?.halfOpen === null && record.breaker === 'half-open') record.breaker = 'closed';
  }

  #activeOf({ active }: PoolMember): ActiveCheckSettings | null {
    return active === undefined ? this.#settings.active : active;
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new BalancingError('NAME', 'member', name, 'the name of a member of the pool');
    return entry;
  }

  #event(name: string, nowMs: number, apply: (record: MemberRecord, member: PoolMember) => void): Transition[] {
    const entry = this.#entry(name);
    const transitions = this.advance(nowMs);
    apply(entry.record, entry.member);
    const flows = entry.record.passing === false ? 'cut' : 'keep';
    const changes = this.#changes(entry, nowMs, flows);
    return changes.length === 0 ? transitions : [...transitions, ...changes, ...this.#modeChange(nowMs)];
  }

  #administer(name: string, admin: AdminState, nowMs: number, deadlineMs: number | null = null): Transition[] {
    return this.#event(name, nowMs, (record) => {
      record.admin = admin;
      record.drainDeadlineMs = deadlineMs;
    });
  }

  /** The cap: members that fail active checks count towards it. */
  #mayEject(candidate: MemberRecord, maxPercent: number): boolean {
    const pool = [...this.#entries.values()].filter(({ record }) => record.admin !== 'disabled');
    const others = pool.filter(({ record }) => record !== candidate && !isHealthy(record));
    return others.length + 1 <= Math.floor((pool.length * maxPercent) / 100);
  }

  #changes(entry: Entry, nowMs: number, flows: 'keep' | 'cut'): MemberTransition[] {
    const { record, status: from } = entry;
    const to = statusOf(record);
    if (from.state === to.state && from.reason === to.reason) return [];
    entry.status = to;
    record.sinceMs = nowMs;
    // A trial is slow enough; its end begins slow start like any other return.
    if (to.state === 'active' && this.#settings.slowStartMs > 0) record.returnedAtMs = nowMs;
    return [{ kind: 'member', atMs: nowMs, member: record.name, from, to, restoreAtMs: restoreAt(record), flows }];
  }

  #modeChange(nowMs: number): PoolTransition[] {
    const from = this.#mode;
    const to = this.rotation(nowMs).mode;
    this.#mode = to;
    return from === to ? [] : [{ kind: 'pool', atMs: nowMs, from, to }];
  }
}

function checkMembers(members: readonly PoolMember[]): void {
  weightedMembers(members);
  for (const { name, priority = 0 } of members) {
    if (Number.isInteger(priority) && priority >= 0 && priority <= PRIORITY_MAX) continue;
    throw new BalancingError('RANGE', `priority of ${name}`, priority, `a whole number from 0 to ${PRIORITY_MAX}`);
  }
}

function copyAdmin(from: MemberRecord, to: MemberRecord): void {
  to.admin = from.admin;
  to.drainDeadlineMs = from.drainDeadlineMs;
}

function restoreAt(record: MemberRecord): number | null {
  return statusOf(record).reason === 'outlier-detection' ? record.restoreAtMs : null;
}

function isHealthy(record: MemberRecord): boolean {
  return isAvailable(statusOf({ ...record, admin: 'enabled' }));
}
