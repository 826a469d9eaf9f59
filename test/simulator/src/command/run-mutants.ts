import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { SeedResult } from '../frame/run-seed.js';
import type { Mutant } from '../mutants/mutant.js';
import type { SeedOrder } from './pool.js';

/** What became of a mutant. */
export interface MutantResult {
  readonly mutant: string;
  /** The invariant that was to notice it. */
  readonly expected: string;
  /** What noticed it, and at which seed; null: it escaped. */
  readonly caught: { readonly invariant: string; readonly seed: number } | null;
  readonly seeds: number;
}

/** More than any seed takes, even on a busy machine: the broken code hangs. */
const SEED_MS_MAX = 120_000;

/** Runs seeds against a mutant until an invariant notices it: first those that it names, then from 1 on. */
export async function runMutant(mutant: Mutant, seedsMax: number): Promise<MutantResult> {
  const worker = new Worker(new URL('./seed-worker.js', import.meta.url), {
    execArgv: ['--import', new URL('./mutant-hooks.js', import.meta.url).href],
    env: { ...process.env, HIGGINS_MUTANT: mutant.id },
  });
  const { id, invariant, scenario = 'two-tiers', seeds: known = [] } = mutant;
  const seeds = [...known, ...Array.from({ length: seedsMax }, (_, index) => index + 1)];
  try {
    for (const [index, seed] of seeds.entries()) {
      worker.postMessage({ scenario, seed } satisfies SeedOrder);
      const [result] = (await once(worker, 'message', { signal: AbortSignal.timeout(SEED_MS_MAX) })) as [SeedResult];
      const found = result.violation?.invariant ?? null;
      if (found !== null) {
        return { mutant: id, expected: invariant, caught: { invariant: found, seed }, seeds: index + 1 };
      }
    }
    return { mutant: id, expected: invariant, caught: null, seeds: seeds.length };
  } finally {
    await worker.terminate();
  }
}

/** One line for people. */
export function mutantText({ mutant, expected, caught, seeds }: MutantResult): string {
  if (caught === null) return `ESCAPED ${mutant}: ${expected} held in ${seeds} seeds`;
  const other = caught.invariant === expected ? '' : ` (expected ${expected})`;
  return `caught  ${mutant}: ${caught.invariant}${other} at seed ${caught.seed}, after ${seeds}`;
}
