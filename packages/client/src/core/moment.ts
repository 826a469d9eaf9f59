/** A point in time as it is written to disk, so that it can be compared after a restart of process or machine. */
export interface Moment {
  readonly bootId: string;
  readonly bootMs: number;
  readonly wallMs: number;
}

/** The clocks that a Runtime has. */
export interface Clocks {
  readonly bootId: string;
  bootMs(): number;
  wallMs(): number;
}

export function momentNow(clocks: Clocks): Moment {
  return { bootId: clocks.bootId, bootMs: clocks.bootMs(), wallMs: clocks.wallMs() };
}

/**
 * Milliseconds from an earlier moment to now: by the boot clock within one boot, by the wall clock across boots.
 * Null if the clock went backwards, so that nothing is known.
 */
export function elapsedMs(since: Moment, now: Moment): number | null {
  const elapsed = since.bootId === now.bootId ? now.bootMs - since.bootMs : now.wallMs - since.wallMs;
  return elapsed >= 0 ? elapsed : null;
}

/** Reads a moment out of a record's header; null if it is none. */
export function parseMoment(value: unknown): Moment | null {
  if (typeof value !== 'object' || value === null) return null;
  const { bootId, bootMs, wallMs } = value as { bootId?: unknown; bootMs?: unknown; wallMs?: unknown };
  if (typeof bootId !== 'string' || !Number.isFinite(bootMs) || !Number.isFinite(wallMs)) return null;
  return { bootId, bootMs: bootMs as number, wallMs: wallMs as number };
}
