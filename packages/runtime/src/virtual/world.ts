import { type HeapItem, IndexedHeap } from '../indexed-heap.js';
import { RandomStream } from './random-stream.js';
import { TraceHash } from './trace-hash.js';

export interface VirtualWorldOptions {
  /** Everything random in this world follows from it; any safe integer. */
  readonly seed: number;
  /** True wall time at the start, in milliseconds since 1970; default 2026-06-01. */
  readonly startWallMs?: number;
  /** How deep chains of promises run before time moves on; see VirtualWorld. Default 32. */
  readonly microtaskRounds?: number;
}

/** Something that the world will do; disposing it takes it back. */
export interface VirtualEvent extends Disposable {
  readonly dueMs: number;
}

/** 2026-06-01 UTC. */
const START_WALL_MS = 1_780_272_000_000;
const MICROTASK_ROUNDS = 32;
/** Between two steps of the same moment: most code goes one or two promises deep, and what is deeper goes on later. */
const MICROTASK_ROUNDS_SAME_MOMENT = 6;

/**
 * Virtual time: a seeded scheduler that executes one event after the other, earliest first, and those of the same
 * moment in the order in which they were scheduled.
 *
 * Promises: code under simulation may await. Between two steps the world lets microtasks run by awaiting a fixed
 * number of resolved promises. Nothing but microtasks ever runs then, and the language executes those in first-in
 * first-out order, so a run is a function of its seed: a chain of promises that is longer than the rounds goes on
 * between the next steps, at the same place in every run. There are fewer rounds between steps of the same moment than
 * before time moves on. No macrotask and no real time take part. Steps that called no code that could await (see
 * `entered`) need no rounds.
 */
export class VirtualWorld {
  readonly seed: number;
  readonly startWallMs: number;
  /** The world's own random numbers: faults, links. Nodes have streams of their own. */
  readonly random: RandomStream;
  /** Hash of the steps executed so far; parts may add what they observed. */
  readonly trace = new TraceHash();
  readonly #events = new IndexedHeap<ScheduledEvent>((left, right) =>
    left.dueMs === right.dueMs ? left.sequence < right.sequence : left.dueMs < right.dueMs,
  );
  readonly #microtaskRounds: number;
  #nowMs = 0;
  #sequence = 0;
  #steps = 0;
  #entered = true;

  constructor(options: VirtualWorldOptions) {
    this.seed = options.seed;
    this.startWallMs = options.startWallMs ?? START_WALL_MS;
    this.random = new RandomStream(options.seed, 'world');
    this.#microtaskRounds = options.microtaskRounds ?? MICROTASK_ROUNDS;
    this.trace.number(options.seed);
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events executed so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Events that wait. */
  get pending(): number {
    return this.#events.size;
  }

  /** When the next event is due, or null. */
  get nextDueMs(): number | null {
    return this.#events.peek()?.dueMs ?? null;
  }

  /** True wall time, which no node knows. */
  wallMs(): number {
    return this.startWallMs + this.#nowMs;
  }

  /** Runs `run` at `dueMs`, or at the next step if that is past. */
  schedule(dueMs: number, run: () => void): VirtualEvent {
    if (Number.isNaN(dueMs)) throw new RangeError('an event needs a time, got NaN');
    const event = new ScheduledEvent(this.#events, Math.max(dueMs, this.#nowMs), this.#sequence, run);
    this.#sequence += 1;
    this.#events.push(event);
    return event;
  }

  /** An independent stream of random numbers of this world. */
  randomStream(label: string): RandomStream {
    return new RandomStream(this.seed, label);
  }

  /** Tells that code under simulation has been called and may have left microtasks: the world lets them run. */
  entered(): void {
    this.#entered = true;
  }

  /** Executes the next event and returns true, or returns false if there is none. Lets no microtasks run. */
  step(): boolean {
    const event = this.#events.pop();
    if (event === undefined) return false;
    this.#nowMs = event.dueMs;
    this.#steps += 1;
    this.trace.number(event.dueMs);
    this.trace.number(event.sequence);
    event.run();
    return true;
  }

  /** Lets microtasks run that are due, before time moves on; see the class. */
  async settle(): Promise<void> {
    this.#entered = false;
    for (let round = 0; round < this.#microtaskRounds; round += 1) await undefined;
  }

  /** Executes every event up to and including `untilMs`; time then stands there. Errors that an event throws reject. */
  async runUntil(untilMs: number): Promise<void> {
    await this.runWhile(() => true, untilMs);
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Lets `durationMs` pass. */
  async runFor(durationMs: number): Promise<void> {
    await this.runUntil(this.#nowMs + durationMs);
  }

  /**
   * Executes events until `condition` holds, at most up to `limitMs` of virtual time from now; returns whether it
   * holds. Time stands at the moment of the step that brought it about.
   */
  async runUntilTrue(condition: () => boolean, limitMs: number): Promise<boolean> {
    let holds = false;
    await this.runWhile(() => {
      holds = condition();
      return !holds;
    }, this.#nowMs + limitMs);
    return holds || condition();
  }

  /** Executes events until `promise` settles, at most up to `limitMs` of virtual time from now, and returns its outcome. */
  async runUntilSettled<Value>(promise: Promise<Value>, limitMs: number): Promise<Value> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    this.entered();
    if (!(await this.runUntilTrue(() => settled, limitMs))) {
      throw new Error(`promise did not settle within ${limitMs} ms of virtual time`);
    }
    return promise;
  }

  /** Executes events while `condition` holds before each step, up to and including `untilMs`. */
  async runWhile(condition: () => boolean, untilMs: number): Promise<void> {
    // The caller itself may have started something.
    this.#entered = true;
    let owed = true;
    for (;;) {
      if (this.#entered) {
        this.#entered = false;
        owed = true;
        for (let round = 0; round < MICROTASK_ROUNDS_SAME_MOMENT; round += 1) await undefined;
      }
      if (owed && this.#events.peek()?.dueMs !== this.#nowMs) {
        owed = false;
        await this.settle();
      }
      if (!condition()) return;
      if (!this.#isDue(untilMs)) {
        // A long chain of promises may still lead to an event, or make the condition true.
        await this.settle();
        await this.settle();
        if (!condition() || !this.#isDue(untilMs)) return;
      }
      this.step();
    }
  }

  #isDue(untilMs: number): boolean {
    const next = this.#events.peek();
    return next !== undefined && next.dueMs <= untilMs;
  }
}

class ScheduledEvent implements VirtualEvent, HeapItem {
  heapIndex = -1;
  readonly dueMs: number;
  readonly sequence: number;
  readonly run: () => void;
  readonly #events: IndexedHeap<ScheduledEvent>;

  constructor(events: IndexedHeap<ScheduledEvent>, dueMs: number, sequence: number, run: () => void) {
    this.#events = events;
    this.dueMs = dueMs;
    this.sequence = sequence;
    this.run = run;
  }

  [Symbol.dispose](): void {
    this.#events.remove(this);
  }
}
