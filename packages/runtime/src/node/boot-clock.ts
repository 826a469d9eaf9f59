import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** The two clocks that a BootClock is made of, in milliseconds. */
export interface BootClockSources {
  /** Fine, and stands still while the machine sleeps. */
  monotonicMs(): number;
  /** Coarse (10 ms on Linux), and goes on while the machine sleeps. */
  uptimeMs(): number;
}

/**
 * A difference below this is the coarseness of the uptime and the time between the two readings; one above it is sleep.
 */
const SLEEP_MS_MIN = 50;

const systemSources: BootClockSources = {
  monotonicMs: () => performance.now(),
  uptimeMs: () => uptime() * 1000,
};

/** Milliseconds since boot, sleep included: a monotonic clock plus an offset that `refresh` corrects after a sleep. */
export class BootClock {
  readonly #sources: BootClockSources;
  #offsetMs: number;

  constructor(sources: BootClockSources = systemSources) {
    this.#sources = sources;
    this.#offsetMs = sources.uptimeMs() - sources.monotonicMs();
  }

  nowMs(): number {
    return this.#sources.monotonicMs() + this.#offsetMs;
  }

  /** Re-reads the uptime. Returns by how many milliseconds the clock jumped: 0, or the length of a sleep. */
  refresh(): number {
    const jumpMs = this.#sources.uptimeMs() - this.#sources.monotonicMs() - this.#offsetMs;
    if (jumpMs < SLEEP_MS_MIN) return 0;
    this.#offsetMs += jumpMs;
    return jumpMs;
  }
}

/**
 * Names the current boot. Where the system does not tell, the name is random: state of an earlier process then counts
 * as that of an earlier boot, which is the careful reading.
 */
export function readBootId(): string {
  try {
    if (process.platform === 'darwin') {
      return execFileSync('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim();
    }
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return randomUUID();
  }
}
