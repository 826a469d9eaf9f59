import { emptyPrefixSet } from '@higgins/ipdata';
import type { Applied } from '@higgins/signals';
import { acknowledgementOf } from './acknowledgement.js';
import type { ListRefusal, ListValue } from './list.js';

/** First pause before a failed apply is tried again; doubled each time up to the maximum, with jitter. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 30_000;

/** One enforcement that the configuration asks for; a track may have several. */
export interface ListBinding {
  /** Names the enforcement in the target. */
  readonly id: string;
  /** Path of the track. */
  readonly track: string;
}

/** `waiting`: no value yet. `failed`: the newest value is not in force; what was in force before still is. */
export type ListPhase = 'waiting' | 'applying' | 'enforced' | 'failed' | 'expired';

/** Everything that is known of one enforcement. */
export interface ListState {
  readonly id: string;
  readonly track: string;
  readonly phase: ListPhase;
  /** The newest value that is wanted. */
  readonly desired: ListValue | null;
  /** What was last read back from the target. */
  readonly enforced: EnforcedValue | null;
  /** Why the newest value, or a later one that is not even readable, is not in force. */
  readonly failure: ListFailure | null;
}

/** A value as it is in force. */
export interface EnforcedValue {
  readonly value: ListValue;
  readonly appliedWallMs: number;
}

export interface ListFailure extends ListRefusal {
  readonly atWallMs: number;
}

/** What the shell has to do. */
export type AgentAction =
  | { readonly kind: 'enforce'; readonly id: string; readonly value: ListValue }
  | { readonly kind: 'acknowledge'; readonly track: string; readonly applied: Applied };

/** What the core is given when something happened. */
export interface Now {
  readonly bootMs: number;
  readonly wallMs: number;
  /** In [0, 1). */
  readonly random: number;
}

/** A list without entries whose time was up from the start, and which does nothing then. */
const DELETED = {
  version: null,
  ipv4: emptyPrefixSet(4),
  ipv6: emptyPrefixSet(6),
  onExpiry: 'unset',
  deadlineBootMs: 0,
  ttlMs: null,
  publishedWallMs: null,
} as const;

interface Entry {
  readonly id: string;
  readonly track: string;
  phase: ListPhase;
  desired: ListValue | null;
  enforced: EnforcedValue | null;
  failure: ListFailure | null;
  inFlight: ListValue | null;
  dirty: boolean;
  retryAtBootMs: number | null;
  retryMs: number;
  /** The group whose expiry was handled. */
  expiredGroup: number | null;
}

/**
 * Decides what to enforce and what to acknowledge. Pure: values, results and times in, actions out through `next`.
 *
 * At most one enforcement is under way; a value that is overtaken while it waits is never applied.
 */
export class AgentCore {
  readonly #entries: Entry[];
  readonly #acknowledged = new Map<string, string>();
  readonly #pending = new Map<string, Applied>();

  constructor(bindings: readonly ListBinding[]) {
    this.#entries = bindings.map(({ id, track }) => ({
      id,
      track,
      phase: 'waiting',
      desired: null,
      enforced: null,
      failure: null,
      inFlight: null,
      dirty: false,
      retryAtBootMs: null,
      retryMs: RETRY_MS,
      expiredGroup: null,
    }));
  }

  states(): readonly ListState[] {
    return this.#entries;
  }

  /** A value or a renewal arrived; an older one than is known is ignored. */
  value(track: string, value: ListValue): void {
    for (const entry of this.#of(track)) {
      if (entry.desired && value.group < entry.desired.group) continue;
      entry.desired = value;
      entry.dirty = true;
      entry.retryAtBootMs = null;
      entry.retryMs = RETRY_MS;
      if (entry.failure && entry.failure.group < value.group) entry.failure = null;
    }
  }

  /** The list was deleted: nothing of it is enforced any more, whatever it said about expiry. */
  deleted(track: string, group: number): void {
    this.value(track, { ...DELETED, group });
  }

  /** A value arrived that can't be enforced: last-good stays in force, and the refusal is acknowledged. */
  refused(track: string, refusal: ListRefusal, now: Now): void {
    for (const entry of this.#of(track)) {
      if (entry.desired && refusal.group < entry.desired.group) continue;
      entry.failure = { ...refusal, atWallMs: now.wallMs };
      if (entry.phase !== 'expired') entry.phase = 'failed';
    }
    this.#acknowledge(track);
  }

  /** The enforcement of `value` was read back and is in place. */
  applied(id: string, value: ListValue, appliedWallMs: number): void {
    const entry = this.#entries.find((each) => each.id === id);
    if (!entry) return;
    entry.inFlight = null;
    entry.retryMs = RETRY_MS;
    const unchanged = entry.enforced?.value.version === value.version && entry.enforced.value.ipv4 === value.ipv4;
    entry.enforced = {
      value,
      appliedWallMs: unchanged ? (entry.enforced?.appliedWallMs ?? appliedWallMs) : appliedWallMs,
    };
    if (entry.failure && entry.failure.group <= value.group) entry.failure = null;
    entry.phase = entry.failure ? 'failed' : entry.expiredGroup === value.group ? 'expired' : 'enforced';
    this.#acknowledge(entry.track);
  }

  /** The enforcement of `value` failed: what was in force still is. It is tried again after a pause. */
  failed(id: string, value: ListValue, reason: string, now: Now): void {
    const entry = this.#entries.find((each) => each.id === id);
    if (!entry) return;
    entry.inFlight = null;
    entry.phase = 'failed';
    entry.failure = { group: value.group, version: value.version, reason, atWallMs: now.wallMs };
    entry.retryAtBootMs = now.bootMs + entry.retryMs * (0.5 + now.random / 2);
    entry.retryMs = Math.min(entry.retryMs * 2, RETRY_MS_MAX);
    this.#acknowledge(entry.track);
  }

  /** Has every list compared with the target again, because the target may have been changed by others. */
  verifyAll(): void {
    for (const entry of this.#entries) if (entry.desired) entry.dirty = true;
  }

  /** Handles what is due by time: expiries and retries. */
  tick(now: Now): void {
    for (const entry of this.#entries) {
      if (entry.retryAtBootMs !== null && entry.retryAtBootMs <= now.bootMs) {
        entry.retryAtBootMs = null;
        entry.dirty = true;
      }
      const expiresBootMs = unhandledExpiry(entry);
      if (expiresBootMs === null || expiresBootMs > now.bootMs) continue;
      entry.expiredGroup = entry.desired?.group ?? null;
      entry.dirty = true;
    }
  }

  /** When `tick` is to be called, on the boot clock; null if nothing is due by time. */
  nextBootMs(): number | null {
    const times = this.#entries.flatMap((entry) => [entry.retryAtBootMs, unhandledExpiry(entry)]);
    const next = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
    return Number.isFinite(next) ? next : null;
  }

  /** The next thing to do, or null. An `enforce` is answered with `applied` or `failed` before the next one is given. */
  next(): AgentAction | null {
    for (const [track, applied] of this.#pending) {
      this.#pending.delete(track);
      return { kind: 'acknowledge', track, applied };
    }
    if (this.#entries.some((entry) => entry.inFlight)) return null;
    const entry = this.#entries.find((each) => each.dirty && each.desired);
    if (!entry?.desired) return null;
    entry.dirty = false;
    entry.inFlight = entry.desired;
    if (entry.phase === 'waiting') entry.phase = 'applying';
    return { kind: 'enforce', id: entry.id, value: entry.desired };
  }

  #of(track: string): readonly Entry[] {
    return this.#entries.filter((entry) => entry.track === track);
  }

  /** Acknowledges a track if there is news: the newest acknowledgement replaces one that was not yet taken. */
  #acknowledge(track: string): void {
    const applied = acknowledgementOf(this.#of(track));
    if (!applied) return;
    const fingerprint = JSON.stringify(applied);
    if (this.#acknowledged.get(track) === fingerprint) return;
    this.#acknowledged.set(track, fingerprint);
    this.#pending.set(track, applied);
  }
}

function unhandledExpiry({ desired, expiredGroup }: Entry): number | null {
  if (!desired || desired.ttlMs === null || desired.group === expiredGroup) return null;
  return desired.deadlineBootMs;
}
