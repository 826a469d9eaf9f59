/** What lies between the publishers and the subscribers of a topology, as far as it makes TTLs inexact. */
export interface PathError {
  /** What the network alone takes at most while nothing is wrong with it, over all hops. */
  readonly networkMsMax: number;
  /** Relays on the longest way. */
  readonly relays: number;
}

/** Two relays, near each other. */
export const SHORT_PATH: PathError = { networkMsMax: 500, relays: 2 };

/** Clocks of two machines that run apart by up to 100 ppm each way. */
const SKEW_PPM = 200;
/** Residence that a relay need not count (design: up to 10 ms), and rounding. */
const UNCOUNTED_MS = 11;

/** How much longer than its TTL a value may seem good, deliveries apart. */
export function clockErrorMs({ relays }: PathError, ttlMs: number): number {
  return (ttlMs * SKEW_PPM) / 1e6 + relays * UNCOUNTED_MS + 3;
}
