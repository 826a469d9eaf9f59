import type { Fault, FaultKind } from './fault.js';

/** How often each transition was seen under each kind of fault; plain data. `none`: while nothing was wrong. */
export type CoverageTable = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** A fault also counts for what happens so soon after it: time-outs, back-offs, recoveries. */
const AFTERMATH_MS = 10_000;
/** How often figures are looked at. */
const SAMPLE_MS = 250;

/**
 * Which transitions of relays, sessions, clients and stores were seen while which faults were there. Programs mark
 * transitions, or hand over counters whose growth tells of them. Watching changes nothing about a run.
 */
export class Coverage {
  readonly #active = new Map<FaultKind, number>();
  readonly #endedAtMs = new Map<FaultKind, number>();
  readonly #table = new Map<string, Map<string, number>>();
  readonly #watched: Watched[] = [];
  #nextSampleMs = 0;

  /** A fault begins or ends. */
  fault({ kind }: Fault, phase: 'begin' | 'end', nowMs: number): void {
    this.sample(nowMs);
    const active = (this.#active.get(kind) ?? 0) + (phase === 'begin' ? 1 : -1);
    this.#active.set(kind, Math.max(0, active));
    this.#endedAtMs.set(kind, nowMs);
  }

  /** A transition took place. */
  mark(part: string, transition: string, nowMs: number, count = 1): void {
    const kinds = this.#kindsAt(nowMs);
    const name = `${part} ${transition}`;
    let row = this.#table.get(name);
    if (row === undefined) {
      row = new Map();
      this.#table.set(name, row);
    }
    for (const kind of kinds.length === 0 ? ['none'] : kinds) row.set(kind, (row.get(kind) ?? 0) + count);
  }

  /** Counters of one process, but for those named: their growth is looked at from now on. */
  watch(part: string, counters: object, except: readonly string[] = []): void {
    const names = Object.keys(counters).filter((name) => !except.includes(name));
    this.#watched.push({ part, counters: counters as Figures, names, seen: {} });
  }

  /** Looks at the counters, at most so often. */
  sampleSometimes(nowMs: number): void {
    if (nowMs >= this.#nextSampleMs) this.sample(nowMs);
  }

  sample(nowMs: number): void {
    this.#nextSampleMs = nowMs + SAMPLE_MS;
    for (const { part, counters, names, seen } of this.#watched) {
      for (const name of names) {
        const value = counters[name];
        if (typeof value !== 'number' || value <= (seen[name] ?? 0)) continue;
        this.mark(part, name, nowMs, value - (seen[name] ?? 0));
        seen[name] = value;
      }
    }
  }

  table(): CoverageTable {
    const rows = [...this.#table].sort(([left], [right]) => (left < right ? -1 : 1));
    return Object.fromEntries(rows.map(([name, row]) => [name, Object.fromEntries(row)]));
  }

  #kindsAt(nowMs: number): FaultKind[] {
    const kinds: FaultKind[] = [];
    for (const [kind, endedAtMs] of this.#endedAtMs) {
      if ((this.#active.get(kind) ?? 0) > 0 || nowMs - endedAtMs < AFTERMATH_MS) kinds.push(kind);
    }
    return kinds;
  }
}

type Figures = Readonly<Record<string, unknown>>;

interface Watched {
  readonly part: string;
  readonly counters: Figures;
  readonly names: readonly string[];
  readonly seen: Record<string, number>;
}
