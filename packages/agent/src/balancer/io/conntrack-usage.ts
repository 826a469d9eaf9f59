import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Runtime } from '@higgins/runtime';
import type { BalancerOccurrence } from '../core/events.js';
import { CONNTRACK_HIGH_SHARE, CONNTRACK_NORMAL_SHARE } from '../core/limits.js';
import { CONNTRACK_INTERVAL_MS } from './limits.js';

/** Entries of connection tracking, and how many the kernel takes. */
export interface ConntrackUsage {
  readonly entries: number;
  readonly entriesMax: number;
}

/** Where the kernel tells both. */
const DIRECTORY = '/proc/sys/net/netfilter';

/** Looks at the use of connection tracking now and then, and tells when it is high and when it is over. */
export class ConntrackWatch implements Disposable {
  readonly #runtime: Pick<Runtime, 'bootMs' | 'at'>;
  readonly #files: readonly string[];
  readonly #tell: (occurrence: BalancerOccurrence) => void;
  #usage: ConntrackUsage | null = null;
  #isHigh = false;
  #timer: Disposable | null = null;
  #disposed = false;

  /** `directory`: where the numbers are; default the kernel's. */
  constructor(
    runtime: Pick<Runtime, 'bootMs' | 'at'>,
    tell: (occurrence: BalancerOccurrence) => void,
    directory = DIRECTORY,
  ) {
    this.#files = ['nf_conntrack_count', 'nf_conntrack_max'].map((name) => join(directory, name));
    this.#runtime = runtime;
    this.#tell = tell;
  }

  /** As seen last; null where the kernel does not say. */
  get usage(): ConntrackUsage | null {
    return this.#usage;
  }

  /** Looks at once, and from then on regularly. */
  async start(): Promise<void> {
    await this.#look();
    if (this.#disposed) return;
    this.#timer = this.#runtime.at(this.#runtime.bootMs() + CONNTRACK_INTERVAL_MS, () => void this.start());
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#timer?.[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    const [entries, entriesMax] = await Promise.all(this.#files.map(numberIn));
    this.#usage = entries == null || entriesMax == null ? null : { entries, entriesMax };
    if (this.#usage === null) return;
    const share = this.#usage.entries / this.#usage.entriesMax;
    if (!this.#isHigh && share >= CONNTRACK_HIGH_SHARE) this.#tell({ kind: 'conntrack-high', ...this.#usage });
    if (this.#isHigh && share < CONNTRACK_NORMAL_SHARE) this.#tell({ kind: 'conntrack-normal', ...this.#usage });
    this.#isHigh = this.#isHigh ? share >= CONNTRACK_NORMAL_SHARE : share >= CONNTRACK_HIGH_SHARE;
  }
}

/** Null where there is no such file, as before connection tracking is first used. */
async function numberIn(path: string): Promise<number | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : Number(text);
}
