/** Both clocks at one moment. */
export interface Now {
  /** Never goes back; all timers are on it. */
  readonly bootMs: number;
  /** For people, and across boots. */
  readonly wallMs: number;
}

/** A time of the boot clock on the wall clock, as it stands now; null stays null. */
export function wallOf<Time extends number | null>(bootMs: Time, now: Now): Time {
  return (bootMs === null ? null : Math.round(now.wallMs + bootMs - now.bootMs)) as Time;
}

/** The earlier of two times; null is never. */
export function earlier(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right;
  return Math.min(left, right);
}
