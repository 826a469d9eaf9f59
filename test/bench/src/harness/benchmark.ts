/** One measured number with its unit, such as `{ value: 41.2, unit: 'million matches/s' }`. */
export interface Figure {
  readonly value: number;
  readonly unit: string;
}

/** What a benchmark found. */
export interface Outcome {
  /** What was varied or fixed, such as the number of subscribers. */
  readonly parameters: Readonly<Record<string, number | string>>;
  readonly figures: Readonly<Record<string, Figure>>;
}

/** What a benchmark runs with. */
export interface BenchmarkContext {
  /** A directory of its own, removed afterwards. */
  readonly directory: string;
  /** Tells people what goes on. */
  progress(text: string): void;
}

/** One benchmark of the suite. */
export interface Benchmark {
  readonly name: string;
  /** What it measures, and how, in a sentence or two. */
  readonly description: string;
  /** Why it cannot run on this machine; null if it can. */
  obstacle(): string | null;
  run(context: BenchmarkContext): Promise<readonly Outcome[]>;
}
