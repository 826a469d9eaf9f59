import { Finding, type Target } from './finding.js';
import type { Result } from './fuzz-thread.js';
import { Random } from './random.js';

/** Findings of one cause: how often it was seen, and the first input that showed it. */
export interface Found {
  readonly target: string;
  readonly message: string;
  /** The number of the input; with the seed, it replays it. */
  readonly index: number;
  readonly input: unknown;
  count: number;
}

/** What a run has come to so far. */
export interface Tally {
  inputs: number;
  bytes: number;
  passedFirst: number;
}

/** Runs inputs by number: input `index` of seed `seed` is the same in every run. */
export class FuzzRun {
  readonly seed: number;
  readonly tallies = new Map<string, Tally>();
  readonly found = new Map<string, Found>();
  readonly #targets: readonly Target[];

  /** `targets` take turns; one that stands there several times has several. */
  constructor(targets: readonly Target[], seed: number) {
    this.#targets = targets;
    this.seed = seed;
    for (const { name } of targets) this.tallies.set(name, { inputs: 0, bytes: 0, passedFirst: 0 });
  }

  get inputs(): number {
    return this.#sum((tally) => tally.inputs);
  }

  get passedFirst(): number {
    return this.#sum((tally) => tally.passedFirst);
  }

  /** All that it has come to. */
  get result(): Result {
    return { tallies: [...this.tallies], found: [...this.found] };
  }

  /** Runs `count` inputs, from number `from` on. */
  run(from: number, count: number): void {
    for (let index = from; index < from + count; index++) this.#runOne(index);
  }

  #runOne(index: number): void {
    const target = this.#targets[index % this.#targets.length]!;
    const tally = this.tallies.get(target.name)!;
    tally.inputs++;
    try {
      const { bytes, passedFirst } = target.fuzz(new Random(this.seed, index));
      tally.bytes += bytes;
      if (passedFirst) tally.passedFirst++;
    } catch (error) {
      this.#keep(
        target.name,
        index,
        error instanceof Finding ? error : new Finding(`${target.name}: the fuzzer fails: ${stackOf(error)}`, null),
      );
    }
  }

  #keep(target: string, index: number, { signature, message, input }: Finding): void {
    const known = this.found.get(signature);
    if (known !== undefined) known.count++;
    else this.found.set(signature, { target, message, index, input, count: 1 });
  }

  #sum(value: (tally: Tally) => number): number {
    let sum = 0;
    for (const tally of this.tallies.values()) sum += value(tally);
    return sum;
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
