import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { runSeed, type SeedResult } from './frame/run-seed.js';
import { scenarios } from './scenarios/index.js';

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly seed?: number;
  readonly scenario?: string;
  readonly json?: string;
}

const command = new Command('simulate')
  .description('Runs the bus in a simulated world: the real code, virtual time, faults drawn from a seed.')
  .option('--seeds <count>', 'how many seeds to run', integer, 20)
  .option('--from <seed>', 'the first of them', integer, 1)
  .option('--seed <seed>', 'runs this seed alone', integer)
  .option('--scenario <name>', `one of ${scenarios.map(({ name }) => name).join(', ')}; default: all`)
  .option('--json <file>', 'writes the results to a file')
  .action((options: Options) => simulate(options));

await command.parseAsync();

async function simulate(options: Options): Promise<void> {
  const chosen = scenarios.filter(({ name }) => options.scenario === undefined || name === options.scenario);
  if (chosen.length === 0) command.error(`no scenario is named ${options.scenario}`);
  const seeds = options.seed === undefined ? range(options.from, options.seeds) : [options.seed];
  const startedMs = performance.now();
  const results: SeedResult[] = [];
  for (const scenario of chosen) {
    for (const seed of seeds) {
      const result = await runSeed(scenario, seed);
      results.push(result);
      report(result);
    }
  }
  summarise(results, performance.now() - startedMs);
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ results }, null, 2)}\n`);
  if (results.some(({ violation }) => violation !== null)) process.exitCode = 1;
}

function report({ scenario, seed, traceHash, steps, violation }: SeedResult): void {
  if (violation === null) {
    console.log(`ok    ${scenario} seed ${seed}: ${steps} steps, trace ${traceHash}`);
    return;
  }
  console.log(`FAIL  ${scenario} seed ${seed}: ${violation.invariant} at step ${violation.step}, ${violation.atMs} ms`);
  console.log(`      ${violation.message}`);
  for (const line of violation.history) console.log(`      ${line}`);
  console.log(`      replay: pnpm simulate --scenario ${scenario} --seed ${seed}`);
}

function summarise(results: readonly SeedResult[], elapsedMs: number): void {
  const sum = (value: (result: SeedResult) => number) => results.reduce((total, result) => total + value(result), 0);
  const virtualHours = sum(({ virtualMs }) => virtualMs) / 3_600_000;
  const failed = results.filter(({ violation }) => violation !== null);
  console.log(
    `${results.length} runs, ${virtualHours.toFixed(2)} virtual hours, ${sum(({ steps }) => steps)} steps, ` +
      `${sum(({ checks }) => checks)} checks, ${failed.length} violations, ${(elapsedMs / 1000).toFixed(1)} s`,
  );
}

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('expected an integer of 0 or more');
  return value;
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}
