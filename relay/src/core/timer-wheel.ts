/** Something to be done at a time; owned by whoever schedules it, and in the wheel at most once. */
export interface WheelTimer {
  /** Called from `TimerWheel.advance`, at `dueMs` or later; it may schedule and cancel timers, itself included. */
  run(): void;
  /** The wheel's own fields. */
  dueMs: number;
  slot: WheelSlot | null;
}

/** The timers that share a slot of the wheel. */
export type WheelSlot = Set<WheelTimer>;

const BITS = 6;
const SLOTS = 1 << BITS;
/** Seven levels of 64 slots reach 139 years; anything later waits in the last slot and is placed again. */
const LEVELS = 7;
const SPAN_MAX = 2 ** (BITS * LEVELS) - 1;

/** Makes a timer that is not scheduled. */
export function wheelTimer(run: () => void): WheelTimer {
  return { run, dueMs: 0, slot: null };
}

/**
 * A hierarchical timer wheel with a resolution of 1 ms: scheduling, moving and cancelling take constant time however
 * many timers there are. A timer never fires before its time, and fires in the first `advance` at or after it.
 */
export class TimerWheel {
  readonly #levels: WheelSlot[][] = Array.from({ length: LEVELS }, () =>
    Array.from({ length: SLOTS }, () => new Set<WheelTimer>()),
  );
  /** The last whole millisecond that was worked off. */
  #tick: number;
  #size = 0;
  /** No later than the next event; null: not known. */
  #nextTick: number | null = null;

  constructor(nowMs: number) {
    this.#tick = Math.floor(nowMs);
  }

  get size(): number {
    return this.#size;
  }

  /** Schedules the timer, or moves it. A time in the past fires with the next `advance` that reaches a new millisecond. */
  schedule(timer: WheelTimer, dueMs: number): void {
    this.cancel(timer);
    timer.dueMs = dueMs;
    if (this.#size === 0) this.#nextTick = null;
    this.#size++;
    this.#place(timer);
  }

  /** Takes the timer out; does nothing if it is not scheduled. */
  cancel(timer: WheelTimer): void {
    if (timer.slot === null) return;
    timer.slot.delete(timer);
    timer.slot = null;
    this.#size--;
  }

  /** Fires everything that is due at `nowMs`. */
  advance(nowMs: number): void {
    const end = Math.floor(nowMs);
    if (end > this.#tick) this.#nextTick = null;
    while (this.#tick < end) {
      if (this.#size === 0) {
        this.#tick = end;
        return;
      }
      // Whole stretches without a timer are skipped, so that a long sleep costs no more than its timers.
      this.#tick = Math.min(end, Math.max(this.#tick + 1, this.#nextEventTick()));
      this.#cascade();
      this.#fire(this.#levels[0]![this.#tick % SLOTS]!);
    }
  }

  /**
   * When `advance` is to be called next, at the latest, or null if nothing is scheduled. It may be earlier than the
   * first timer, when timers far away have to be sorted anew.
   */
  nextMs(): number | null {
    if (this.#size === 0) return null;
    this.#nextTick ??= this.#nextEventTick();
    return this.#nextTick;
  }

  #place(timer: WheelTimer): void {
    const due = Math.max(Math.ceil(timer.dueMs), this.#tick + 1);
    const target = Math.min(due, this.#tick + SPAN_MAX);
    let level = 0;
    let width = 1;
    // The level on which target and now first lie in the same turn of the wheel.
    while (level < LEVELS - 1 && Math.floor(target / (width * SLOTS)) !== Math.floor(this.#tick / (width * SLOTS))) {
      level++;
      width *= SLOTS;
    }
    const position = Math.floor(target / width);
    if (this.#nextTick !== null) this.#nextTick = Math.min(this.#nextTick, position * width);
    const slot = this.#levels[level]![position % SLOTS]!;
    slot.add(timer);
    timer.slot = slot;
  }

  /** The next tick at which a slot of any level is to be worked off. */
  #nextEventTick(): number {
    let width = 1;
    for (let level = 0; level < LEVELS; level++) {
      const position = Math.floor(this.#tick / width);
      for (let step = 1; step <= SLOTS; step++) {
        if (this.#levels[level]![(position + step) % SLOTS]!.size > 0) return (position + step) * width;
      }
      width *= SLOTS;
    }
    return this.#tick + 1;
  }

  /** Sorts the timers of each coarser slot that begins at this tick into finer ones. */
  #cascade(): void {
    let width = SLOTS;
    for (let level = 1; level < LEVELS && this.#tick % width === 0; level++, width *= SLOTS) {
      const slot = this.#levels[level]![Math.floor(this.#tick / width) % SLOTS]!;
      if (slot.size === 0) continue;
      const timers = [...slot];
      slot.clear();
      for (const timer of timers) this.#placeDue(timer);
    }
  }

  // As #place, but what is due at this very tick goes into the slot that is about to fire.
  #placeDue(timer: WheelTimer): void {
    if (Math.ceil(timer.dueMs) > this.#tick) {
      this.#place(timer);
      return;
    }
    const slot = this.#levels[0]![this.#tick % SLOTS]!;
    slot.add(timer);
    timer.slot = slot;
  }

  #fire(slot: WheelSlot): void {
    if (slot.size === 0) return;
    const timers = [...slot];
    for (const timer of timers) {
      // An earlier one of the batch may have cancelled or moved it.
      if (timer.slot !== slot || Math.ceil(timer.dueMs) > this.#tick) continue;
      this.cancel(timer);
      timer.run();
    }
  }
}
