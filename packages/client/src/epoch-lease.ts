import type { Runtime } from '@higgins/runtime';
import { nextEpoch } from './core/epoch.js';
import { decodeRecord, encodeRecord } from './core/record.js';
import { StorageError } from './errors.js';

/** Who decides about a writer's epoch: its own disk where one machine writes, else the store of record. */
export interface EpochLease {
  /**
   * Takes an epoch above every one that was given before and above `seenEpoch`; it is stored when the promise resolves.
   * Rejects with EpochError: `fenced` if another holder has the lease, `epoch-refused` if the epoch is not credible.
   */
  acquire(seenEpoch: number | null): Promise<number>;
}

/** Epochs of a writer that lives on one machine, kept in one file. */
export class DiskEpochLease implements EpochLease {
  readonly #runtime: Runtime;
  readonly #file: string;
  #acquiring: Promise<unknown> = Promise.resolve();

  constructor(runtime: Runtime, file: string) {
    this.#runtime = runtime;
    this.#file = file;
  }

  acquire(seenEpoch: number | null): Promise<number> {
    const acquired = this.#acquiring.then(() => this.#acquire(seenEpoch));
    this.#acquiring = acquired.catch(() => undefined);
    return acquired;
  }

  async #acquire(seenEpoch: number | null): Promise<number> {
    const { disk } = this.#runtime;
    const storedEpoch = storedEpochOf(await disk.read(this.#file));
    const epoch = nextEpoch({ storedEpoch, seenEpoch, wallMs: this.#runtime.wallMs() });
    try {
      await disk.replace(this.#file, encodeRecord({ header: { epoch }, blobs: [] }));
    } catch (cause) {
      throw new StorageError('write-failed', `epoch ${epoch} cannot be stored in ${this.#file}`, { cause });
    }
    return epoch;
  }
}

// A damaged file is like a lost disk: the clock, and what is seen on the tracks, still lead above the last epoch.
function storedEpochOf(bytes: Uint8Array | null): number | null {
  if (bytes === null) return null;
  try {
    const { epoch } = decodeRecord(bytes).header as { epoch?: unknown };
    return typeof epoch === 'number' && Number.isSafeInteger(epoch) ? epoch : null;
  } catch (error) {
    if (error instanceof StorageError) return null;
    throw error;
  }
}
