import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { runOnThreads, type SeedOrder } from './command/pool.js';
import { resultText, summaryOf, summaryText } from './command/report.js';
import { type MutantResult, mutantText, runMutant } from './command/run-mutants.js';
import { describeFault, type Fault } from './frame/faults.js';
import { replaySeed, type Scenario, type SeedResult } from './frame/run-seed.js';
import { shrinkSeed } from './frame/shrink.js';
import { mutants } from './mutants/index.js';
import { scenarios } from './scenarios/index.js';

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
  readonly seed?: number;
  readonly scenario?: string;
  readonly json?: string;
  readonly keep?: readonly number[];
  readonly until?: number;
  readonly trace: readonly string[];
  readonly timeline?: boolean;
  readonly shrink?: boolean;
  readonly mutants?: boolean;
}

const command = new Command('simulate')
  .description('Runs the bus in a simulated world: the real code, virtual time, faults drawn from a seed.')
  .option('--seeds <count>', 'how many seeds to run', integer, 20)
  .option('--from <seed>', 'the first of them', integer, 1)
  .option('--jobs <threads>', 'how many at a time', integer, availableParallelism())
  .option('--scenario <name>', `one of ${scenarios.map(({ name }) => name).join(', ')}; default: all`)
  .option('--json <file>', 'writes the results to a file')
  .option('--seed <seed>', 'runs this seed alone; the options below look closer at it', integer)
  .option('--keep <faults>', 'only these of its faults, by number: 0,2', integers)
  .option('--until <step>', 'ends before this step', integer)
  .option(
    '--trace <node>',
    'prints what happened on this node; repeatable',
    (name, names: string[]) => [...names, name],
    [],
  )
  .option('--timeline', 'prints everything that happened')
  .option('--shrink', 'looks for the smallest plan of faults that breaks the same invariant')
  .option('--mutants', 'breaks the production code in each known way, and tells which breaks the invariants notice')
  .action((options: Options) => {
    if (options.mutants) return runMutants(options);
    return options.seed === undefined ? runMany(options) : runOne(options, options.seed);
  });

await command.parseAsync();

async function runMany(options: Options): Promise<void> {
  const orders = chosen(options).flatMap(({ name }) =>
    Array.from({ length: options.seeds }, (_, index): SeedOrder => ({ scenario: name, seed: options.from + index })),
  );
  const startedMs = performance.now();
  const results: SeedResult[] = [];
  await runOnThreads(orders, Math.max(1, options.jobs), (result) => {
    results.push(result);
    console.log(resultText(result));
  });
  await finish(options, results, performance.now() - startedMs);
}

async function runMutants({ seeds, jobs, json }: Options): Promise<void> {
  const results: MutantResult[] = [];
  const waiting = mutants[Symbol.iterator]();
  const work = async () => {
    for (const mutant of waiting) {
      const result = await runMutant(mutant, seeds);
      results.push(result);
      console.log(mutantText(result));
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, work));
  const escaped = results.filter(({ caught }) => caught === null).length;
  console.log(`${results.length - escaped} mutants caught, ${escaped} escaped, in up to ${seeds} seeds each`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ mutants: results }, null, 2)}\n`);
  if (escaped > 0) process.exitCode = 1;
}

async function runOne(options: Options, seed: number): Promise<void> {
  const startedMs = performance.now();
  const results: SeedResult[] = [];
  for (const scenario of chosen(options)) {
    results.push(options.shrink ? await shrunk(scenario, seed) : await replayed(scenario, seed, options));
  }
  await finish(options, results, performance.now() - startedMs);
}

async function replayed(scenario: Scenario, seed: number, options: Options): Promise<SeedResult> {
  const { keep, until, trace, timeline } = options;
  const { result, simulation } = await replaySeed(scenario, seed, {
    ...(keep === undefined ? {} : { alter: (drawn) => keptOf(drawn, keep) }),
    ...(until === undefined ? {} : { untilStep: until }),
    keepAll: timeline === true || trace.length > 0,
  });
  if (timeline || trace.length > 0) for (const line of simulation?.history(...trace) ?? []) console.log(line);
  console.log(resultText(result));
  return result;
}

async function shrunk(scenario: Scenario, seed: number): Promise<SeedResult> {
  const found = await shrinkSeed(scenario, seed);
  if (found === null) return replayed(scenario, seed, { ...command.opts<Options>(), trace: [] });
  console.log(resultText(found.result));
  console.log(`      smallest plan of ${found.runs} runs: faults ${found.kept.join(', ')} of the seed's`);
  for (const fault of found.result.faults) console.log(`      ${describeFault(fault)}`);
  return found.result;
}

function keptOf(drawn: readonly Fault[], keep: readonly number[]): readonly Fault[] {
  const missing = keep.find((index) => index >= drawn.length);
  if (missing !== undefined) command.error(`--keep ${missing}: the seed draws ${drawn.length} faults, from 0 on`);
  return drawn.filter((_, index) => keep.includes(index));
}

function chosen({ scenario: wanted }: Options): readonly Scenario[] {
  const found = scenarios.filter(({ name }) => wanted === undefined || name === wanted);
  if (found.length === 0) command.error(`no scenario is named ${wanted}`);
  return found;
}

async function finish({ json }: Options, results: readonly SeedResult[], elapsedMs: number): Promise<void> {
  const summary = summaryOf(results, elapsedMs);
  console.log(summaryText(summary));
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ summary, results }, null, 2)}\n`);
  if (summary.violations > 0) process.exitCode = 1;
}

function integers(text: string): number[] {
  return text.split(',').map(integer);
}

function integer(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('expected an integer of 0 or more');
  }
  return value;
}
