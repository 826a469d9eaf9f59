import { EpochError, type EpochLease, nextEpoch } from '@higgins/client';
import type { VirtualWorld } from '@higgins/runtime';

/**
 * The lease on a set of tracks that several publishers may write, as a store of record gives it: whoever takes it has
 * the newest epoch, and nobody who had it before gets another one.
 */
export class WriterLease {
  readonly #world: VirtualWorld;
  #epoch: number | null = null;
  #holder: EpochLease | null = null;

  constructor(world: VirtualWorld) {
    this.#world = world;
  }

  /** The lease as one process asks for it: its first epoch makes it the holder. */
  open(): EpochLease {
    let taken = false;
    const lease: EpochLease = {
      acquire: async (seenEpoch) => {
        if (taken && this.#holder !== lease) throw new EpochError('fenced', 'another writer holds the lease');
        taken = true;
        this.#holder = lease;
        this.#epoch = nextEpoch({ storedEpoch: this.#epoch, seenEpoch, wallMs: this.#world.wallMs() });
        return this.#epoch;
      },
    };
    return lease;
  }

  /** Whether nobody has taken it since that process did. */
  isHeldBy(lease: EpochLease): boolean {
    return this.#holder === lease;
  }
}
