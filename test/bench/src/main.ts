import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { BENCHMARKS } from './benchmarks/index.js';
import type { Benchmark } from './harness/benchmark.js';
import { originOfFigures } from './harness/machine.js';
import { formatOrigin, formatResult, type Report, type Result, resultOf } from './harness/report.js';

interface Options {
  readonly only: readonly string[];
  readonly json?: string;
  readonly list?: boolean;
}

const program = new Command('pnpm bench')
  .description('Measure the figures that the project states, on this machine.')
  .option(
    '--only <name>',
    'run this benchmark only; repeatable',
    (name: string, names: string[]) => [...names, name],
    [],
  )
  .option('--json <file>', 'write origin and figures there')
  .option('--list', 'say which benchmarks there are')
  .addHelpText('after', `\n${listOfBenchmarks()}`)
  .action(main);

await program.parseAsync();

async function main(options: Options): Promise<void> {
  if (options.list) return say(listOfBenchmarks());
  const unknown = options.only.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
  if (unknown.length > 0) program.error(`no benchmark ${unknown.join(', ')}; --list names them`, { exitCode: 2 });
  const origin = originOfFigures();
  say(formatOrigin(origin));
  const results: Result[] = [];
  for (const benchmark of BENCHMARKS) {
    if (options.only.length > 0 && !options.only.includes(benchmark.name)) continue;
    const result = await runOne(benchmark);
    results.push(result);
    say(`\n${formatResult(result)}`);
  }
  const report: Report = { origin, results };
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (results.some((result) => result.status === 'failed')) process.exitCode = 1;
}

async function runOne(benchmark: Benchmark): Promise<Result> {
  const obstacle = benchmark.obstacle();
  if (obstacle !== null) return resultOf(benchmark, 'skipped', [], obstacle);
  const directory = await mkdtemp(join(tmpdir(), 'higgins-bench-'));
  const progress = (text: string) => process.stderr.write(`${benchmark.name}: ${text}\n`);
  try {
    return resultOf(benchmark, 'measured', await benchmark.run({ directory, progress }));
  } catch (error) {
    return resultOf(benchmark, 'failed', [], error instanceof Error ? error.message : String(error));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function listOfBenchmarks(): string {
  return BENCHMARKS.map(({ name, description }) => `${name.padEnd(12)} ${description}`).join('\n');
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
