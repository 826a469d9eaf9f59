import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { describeFault, type Fault } from '../frame/faults.js';
import { replaySeed, type Scenario, type SeedResult } from '../frame/run-seed.js';
import { shrinkSeed } from '../frame/shrink.js';
import { timeline as timelineText } from '../frame/timeline.js';
import { mutants } from '../mutants/index.js';
import { largeScenarios, scenarios } from '../scenarios/index.js';
import { type BenchResult, bench, benchText } from './bench.js';
import { coverageText, mergeCoverage } from './coverage-report.js';
import { runOnThreads, type SeedOrder } from './pool.js';
import { resultText, summaryOf, summaryText } from './report.js';
import { type MutantResult, mutantText, runMutant } from './run-mutants.js';

/** The options, and the command that they were given to, which ends with what is wrong about them. */
interface Options {
  readonly command: Command;
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
  readonly coverage?: boolean;
  readonly bench?: boolean;
  readonly mutants?: boolean;
  readonly mutant: readonly string[];
}

const allScenarios = [...scenarios, ...largeScenarios];

/** `pnpm simulate` and `higgins simulate`. Prints to standard output; sets the exit code of the process to 1 if something did not hold. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description('Runs the bus in a simulated world: the real code, virtual time, faults drawn from a seed.')
    .option('--seeds <count>', 'how many seeds to run', integer, 20)
    .option('--from <seed>', 'the first of them', integer, 1)
    .option('--jobs <threads>', 'how many at a time', integer, availableParallelism())
    .option(
      '--scenario <name>',
      `one of ${allScenarios.map(({ name }) => name).join(', ')}; default: all but the large ones`,
    )
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
    .option('--timeline', 'tells what happened, for people')
    .option('--shrink', 'looks for the smallest plan of faults that breaks the same invariant')
    .option('--coverage', 'tells which transitions were seen under which kinds of fault')
    .option('--bench', 'tells how fast seeds run on one thread, and in how much memory')
    .option('--mutants', 'breaks the production code in each known way, and tells which breaks the invariants notice')
    .option('--mutant <id>', 'only this one; repeatable', (id, ids: string[]) => [...ids, id], [])
    .action((given: Omit<Options, 'command'>, command: Command) => {
      const options = { ...given, command };
      if (options.mutants || options.mutant.length > 0) return runMutants(options);
      if (options.bench) return runBench(options);
      return options.seed === undefined ? runMany(options) : runOne(options, options.seed);
    });
}

async function runMany(options: Options): Promise<void> {
  const orders = chosen(options).flatMap(({ name }) =>
    Array.from(
      { length: options.seeds },
      (_, index): SeedOrder => ({ scenario: name, seed: options.from + index, coverage: options.coverage ?? false }),
    ),
  );
  const startedMs = performance.now();
  const results: SeedResult[] = [];
  await runOnThreads(orders, Math.max(1, options.jobs), (result) => {
    results.push(result);
    console.log(resultText(result));
  });
  await finish(options, results, performance.now() - startedMs);
}

/** How long each scenario runs for `--bench`. */
const BENCH_MS = 20_000;

async function runBench(options: Options): Promise<void> {
  const results: BenchResult[] = [];
  for (const scenario of options.scenario === undefined ? allScenarios : chosen(options)) {
    const result = await bench(scenario, options.from, BENCH_MS);
    results.push(result);
    console.log(benchText(result));
  }
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ bench: results }, null, 2)}\n`);
}

async function runMutants({ seeds, jobs, json, mutant: wanted, command }: Options): Promise<void> {
  const unknown = wanted.find((name) => !mutants.some(({ id }) => id === name));
  if (unknown !== undefined) command.error(`no mutant is named ${unknown}`);
  const results: MutantResult[] = [];
  const waiting = mutants.filter(({ id }) => wanted.length === 0 || wanted.includes(id))[Symbol.iterator]();
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
    results.push(options.shrink ? await shrunk(scenario, seed, options) : await replayed(scenario, seed, options));
  }
  await finish(options, results, performance.now() - startedMs);
}

async function replayed(scenario: Scenario, seed: number, options: Options): Promise<SeedResult> {
  const { keep, until, trace, timeline } = options;
  const { result, simulation } = await replaySeed(scenario, seed, {
    ...(keep === undefined ? {} : { alter: (drawn) => keptOf(drawn, keep, options.command) }),
    ...(until === undefined ? {} : { untilStep: until }),
    coverage: options.coverage ?? false,
    keepAll: timeline === true || trace.length > 0,
  });
  if (trace.length > 0) for (const line of simulation?.history(...trace) ?? []) console.log(line);
  if (timeline) {
    console.log(`  seconds  since   ${scenario.name}, seed ${seed}`);
    for (const line of timelineText(simulation?.records ?? [], result.faults)) console.log(line);
  }
  console.log(resultText(result));
  return result;
}

async function shrunk(scenario: Scenario, seed: number, options: Options): Promise<SeedResult> {
  const found = await shrinkSeed(scenario, seed);
  if (found === null) return replayed(scenario, seed, { ...options, trace: [] });
  console.log(resultText(found.result));
  console.log(`      smallest plan of ${found.runs} runs: faults ${found.kept.join(', ')} of the seed's`);
  for (const fault of found.result.faults) console.log(`      ${describeFault(fault)}`);
  return found.result;
}

function keptOf(drawn: readonly Fault[], keep: readonly number[], command: Command): readonly Fault[] {
  const missing = keep.find((index) => index >= drawn.length);
  if (missing !== undefined) command.error(`--keep ${missing}: the seed draws ${drawn.length} faults, from 0 on`);
  return drawn.filter((_, index) => keep.includes(index));
}

/** Those that are named; if none is, all but the large ones, or the first one where only one can be read. */
function chosen({ scenario: wanted, timeline: isRead, command }: Options): readonly Scenario[] {
  if (wanted === undefined && isRead) return scenarios.slice(0, 1);
  const found = wanted === undefined ? scenarios : allScenarios.filter(({ name }) => name === wanted);
  if (found.length === 0) command.error(`no scenario is named ${wanted}`);
  return found;
}

async function finish(options: Options, all: readonly SeedResult[], elapsedMs: number): Promise<void> {
  const coverage = mergeCoverage(all.map((result) => result.coverage ?? {}));
  const results = all.map(({ coverage: _merged, ...result }) => result);
  const summary = summaryOf(all, elapsedMs);
  if (options.coverage) for (const line of coverageText(coverage)) console.log(line);
  console.log(summaryText(summary));
  if (options.json !== undefined)
    await writeFile(options.json, `${JSON.stringify({ summary, coverage, results }, null, 2)}\n`);
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
