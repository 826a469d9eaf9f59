import { firstCheckDelayMs, nextCheckDelayMs, smoothLatency } from '@higgins/balancing';
import { type HeapItem, IndexedHeap } from '@higgins/runtime';
import type { CheckOrder, CheckResult } from './contract.js';
import { type Now, wallOf } from './now.js';
import type { CheckStatus } from './status.js';

/** One member to be checked. */
export interface CheckPlan {
  /** Unique; another address or another check is another key, and starts anew. */
  readonly key: string;
  readonly pool: string;
  readonly member: string;
  readonly order: CheckOrder;
  /** Of checks of direct server return: for whom it is, and whether a member that fails is held back. */
  readonly direct?: { readonly listener: string; readonly enforce: boolean };
}

/** Latency of a check that found nothing to measure: what weights are made of must be above 0. */
const LATENCY_MS_MIN = 0.001;

interface Entry extends HeapItem {
  plan: CheckPlan;
  dueBootMs: number;
  startedBootMs: number;
  asking: boolean;
  run: number;
  succeeded: number;
  failed: number;
  last: { readonly result: CheckResult; readonly bootMs: number } | null;
  smoothedLatencyMs: number | null;
}

/** When which member is checked: first checks spread, later ones jittered, suspicious members early; one at a time each. */
export class CheckBook {
  readonly #entries = new Map<string, Entry>();
  readonly #due = new IndexedHeap<Entry>((left, right) => left.dueBootMs < right.dueBootMs);
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Adds what is new; what is known keeps counts and timers. */
  add(plan: CheckPlan, now: Now): void {
    const known = this.#entries.get(plan.key);
    if (known !== undefined) {
      known.plan = plan;
      return;
    }
    const dueBootMs = now.bootMs + firstCheckDelayMs(plan.order.check.intervalMs, this.#random());
    const counts = { run: 0, succeeded: 0, failed: 0, last: null, smoothedLatencyMs: null };
    const entry: Entry = { plan, dueBootMs, startedBootMs: now.bootMs, asking: false, ...counts, heapIndex: -1 };
    this.#entries.set(plan.key, entry);
    this.#due.push(entry);
  }

  /** Forgets every check that is not wanted any more. */
  retain(wanted: ReadonlySet<string>): void {
    for (const [key, entry] of this.#entries) {
      if (wanted.has(key)) continue;
      this.#due.remove(entry);
      this.#entries.delete(key);
    }
  }

  /** The next check to carry out, which then counts as begun; null: none is due. */
  take(now: Now): CheckPlan | null {
    const entry = this.#due.peek();
    if (entry === undefined || entry.dueBootMs > now.bootMs) return null;
    this.#due.remove(entry);
    entry.asking = true;
    entry.startedBootMs = now.bootMs;
    return entry.plan;
  }

  /** When `take` next has something; null: not before a result. */
  nextBootMs(): number | null {
    return this.#due.peek()?.dueBootMs ?? null;
  }

  /** Takes in a result; the plan that it is about, or null if nobody wants it any more. `schedule` is to follow. */
  done(key: string, result: CheckResult, now: Now): CheckPlan | null {
    const entry = this.#entries.get(key);
    if (!entry?.asking) return null;
    entry.asking = false;
    entry.last = { result, bootMs: now.bootMs };
    entry.run = result.ok ? Math.max(entry.run, 0) + 1 : Math.min(entry.run, 0) - 1;
    if (result.ok) {
      entry.succeeded += 1;
      entry.smoothedLatencyMs = smoothLatency(entry.smoothedLatencyMs, Math.max(result.latencyMs, LATENCY_MS_MIN));
    } else entry.failed += 1;
    return entry.plan;
  }

  /** Sets the time of the check after the one that is done. */
  schedule(key: string, suspicious: boolean): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.heapIndex >= 0) return;
    const { intervalMs } = entry.plan.order.check;
    entry.dueBootMs = entry.startedBootMs + nextCheckDelayMs(intervalMs, suspicious, this.#random());
    this.#due.push(entry);
  }

  smoothedLatencyMs(key: string): number | null {
    return this.#entries.get(key)?.smoothedLatencyMs ?? null;
  }

  /** Why the last check failed; null if it did not, or there was none. */
  lastFailure(key: string): string | null {
    return this.#entries.get(key)?.last?.result.reason ?? null;
  }

  status(key: string, now: Now): CheckStatus | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    const { run, succeeded, failed, last, smoothedLatencyMs, plan } = entry;
    return {
      ...{ type: plan.order.check.type, run, succeeded, failed, smoothedLatencyMs },
      lastWallMs: wallOf(last?.bootMs ?? null, now),
      lastLatencyMs: last?.result.latencyMs ?? null,
      lastFailure: last?.result.reason ?? null,
      certificateEndsWallMs: last?.result.certificateEndsWallMs ?? null,
    };
  }
}
