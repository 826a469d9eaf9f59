/** A timer of the session; `cancel` before it is due makes it never run. */
export interface Deadline {
  cancel(): void;
}

/**
 * The session's timers: a binary heap by due time. There are few (one per subscription that is ending, one per stream
 * that waits for its alias), never one per object.
 */
export class Deadlines {
  readonly #heap: Entry[] = [];

  get size(): number {
    return this.#heap.length;
  }

  add(dueMs: number, run: (nowMs: number) => void): Deadline {
    const entry: Entry = { dueMs, run, index: this.#heap.length, cancel: () => this.#remove(entry) };
    this.#heap.push(entry);
    this.#up(entry);
    return entry;
  }

  nextMs(): number | null {
    return this.#heap[0]?.dueMs ?? null;
  }

  /** Runs what is due at `nowMs`, the earliest first. */
  run(nowMs: number): void {
    for (let entry = this.#heap[0]; entry !== undefined && entry.dueMs <= nowMs; entry = this.#heap[0]) {
      this.#remove(entry);
      entry.run(nowMs);
    }
  }

  clear(): void {
    for (const entry of this.#heap) entry.index = -1;
    this.#heap.length = 0;
  }

  #remove(entry: Entry): void {
    const index = entry.index;
    if (index < 0) return;
    entry.index = -1;
    const last = this.#heap.pop()!;
    if (last === entry) return;
    this.#heap[index] = last;
    last.index = index;
    this.#up(last);
    this.#down(last);
  }

  #up(entry: Entry): void {
    while (entry.index > 0) {
      const parent = this.#heap[(entry.index - 1) >> 1]!;
      if (parent.dueMs <= entry.dueMs) return;
      this.#swap(parent, entry);
    }
  }

  #down(entry: Entry): void {
    for (;;) {
      const left = this.#heap[2 * entry.index + 1];
      const right = this.#heap[2 * entry.index + 2];
      if (left === undefined) return;
      const child = right !== undefined && right.dueMs < left.dueMs ? right : left;
      if (entry.dueMs <= child.dueMs) return;
      this.#swap(entry, child);
    }
  }

  #swap(above: Entry, below: Entry): void {
    const index = above.index;
    above.index = below.index;
    below.index = index;
    this.#heap[above.index] = above;
    this.#heap[below.index] = below;
  }
}

interface Entry extends Deadline {
  readonly dueMs: number;
  readonly run: (nowMs: number) => void;
  index: number;
}
