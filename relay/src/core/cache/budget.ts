import type { CachedGroup } from './cached-group.js';

/** Whoever holds a cached group, and can let go of it. */
export interface GroupOwner {
  evict(group: CachedGroup): void;
}

/**
 * The bytes of all cached groups of a relay, and the order in which they go when there are too many: first the groups
 * that a newer one has superseded, then the newest ones, each the longest held first.
 */
export class CacheBudget {
  readonly #bytesMax: number;
  readonly #superseded = new Map<CachedGroup, GroupOwner>();
  readonly #newest = new Map<CachedGroup, GroupOwner>();
  bytes = 0;
  objects = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Whether an object of that cost can be cached at all. */
  fits(cost: number): boolean {
    return cost <= this.#bytesMax;
  }

  /** Counts a new group, as the newest of its track. */
  enter(group: CachedGroup, owner: GroupOwner): void {
    this.#newest.set(group, owner);
  }

  supersede(group: CachedGroup): void {
    const owner = this.#newest.get(group);
    if (owner === undefined) return;
    this.#newest.delete(group);
    this.#superseded.set(group, owner);
  }

  /** Counts an object that `keep` was given, and evicts other groups until everything fits. */
  grow(cost: number, keep: CachedGroup): void {
    this.objects++;
    this.resize(cost, keep);
  }

  /** Counts what the objects of `keep` have grown by, and evicts other groups until everything fits. */
  resize(bytes: number, keep: CachedGroup): void {
    this.bytes += bytes;
    while (
      this.bytes > this.#bytesMax &&
      (this.#evictFirst(this.#superseded, keep) || this.#evictFirst(this.#newest, keep))
    ) {
      // One group at a time: each eviction calls `leave`.
    }
    // A group that fills the whole budget by itself goes too.
    if (this.bytes > this.#bytesMax) (this.#superseded.get(keep) ?? this.#newest.get(keep))?.evict(keep);
  }

  /** The group is gone from its owner. */
  leave(group: CachedGroup): void {
    this.#superseded.delete(group);
    this.#newest.delete(group);
    this.bytes -= group.bytes;
    this.objects -= group.objects.length;
  }

  #evictFirst(groups: Map<CachedGroup, GroupOwner>, keep: CachedGroup): boolean {
    for (const [group, owner] of groups) {
      if (group === keep) continue;
      owner.evict(group);
      return true;
    }
    return false;
  }
}
