import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { branchCoverage } from './coverage.js';
import { keep } from './frame/corpus.js';
import { FuzzThread } from './frame/fuzz-thread.js';
import { Numbers } from './frame/numbers.js';
import { type Report, reportOf, summary } from './frame/report.js';
import type { Found } from './frame/run.js';
import { plantFaults } from './planted/plant.js';
import { TARGETS } from './targets/index.js';

interface Options {
  readonly minutes: number;
  readonly inputs?: number;
  readonly seed: number;
  readonly from: number;
  readonly target?: string;
  readonly threads: number;
  readonly json?: string;
  readonly coverage?: true;
  readonly planted?: true;
}

const BATCH = 1_000;
/** Inputs of the `work` target to one batch of the others: it is slow, and shows what it shows at once. */
const WORK_EVERY_BATCHES = 20;
const PROGRESS_MS = 5_000;

const command: Command = new Command('fuzz')
  .description('Feeds the protocol core with valid and nearly valid input, drawn from a seed, and judges what it does.')
  .option('--minutes <count>', 'how long to run', number, 1)
  .option('--inputs <count>', 'how many inputs to run instead', integer)
  .option('--seed <seed>', 'where draws start', integer, 1)
  .option('--from <index>', 'the number of the first input', integer, 0)
  .option('--target <name>', `one of work, ${TARGETS.map(({ name }) => name).join(', ')}; default: all`)
  .option('--threads <count>', 'how many threads run inputs', integer, availableParallelism())
  .option('--json <file>', 'writes the results to a file')
  .option('--coverage', 'measures the branch coverage of the decoders by the short run of the tests instead')
  .option('--planted', 'plants faults in a copy of the tree, and tells which of them the short run of the tests finds')
  .action((options: Options) => {
    if (options.coverage) return branchCoverage();
    return options.planted ? plantFaults() : fuzz(options);
  });

await command.parseAsync();

async function fuzz(options: Options): Promise<void> {
  const names = TARGETS.map(({ name }) => name).filter((name) => (options.target ?? name) === name);
  if (names.length === 0 && options.target !== 'work') command.error(`no target is named ${options.target}`);
  const report = await run(options, names);
  finish(report, options);
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
}

async function run(options: Options, names: readonly string[]): Promise<Report> {
  const startedMs = performance.now();
  const order = { seed: options.seed, targets: names };
  const numbers = new Numbers(options, startedMs);
  const count = names.length === 0 ? 0 : Math.max(1, options.threads);
  await using stack = new AsyncDisposableStack();
  const threads = Array.from({ length: count }, () => stack.use(new FuzzThread('fuzz', order)));
  const work = options.target === undefined || names.length === 0 ? stack.use(new FuzzThread('work', order)) : null;
  const results = () => [...threads, ...(work === null ? [] : [work])].map(({ result }) => result);
  const report = () => reportOf(options.seed, results(), performance.now() - startedMs);
  const progress = setInterval(() => tellProgress(report()), PROGRESS_MS);
  try {
    if (work !== null && count === 0) await runBatches(work, numbers, 1);
    else await Promise.all([...threads.map((thread) => runBatches(thread, numbers, BATCH)), workBeside(work, numbers)]);
  } finally {
    clearInterval(progress);
  }
  return report();
}

async function runBatches(thread: FuzzThread, numbers: Numbers, count: number): Promise<void> {
  while (!numbers.over) await thread.run(numbers.take(count));
}

async function workBeside(work: FuzzThread | null, numbers: Numbers): Promise<void> {
  if (work === null) return;
  const first = numbers.next;
  for (let done = 0; !numbers.over; ) {
    await work.run({ from: done++, count: 1 });
    while (!numbers.over && numbers.next - first < done * BATCH * WORK_EVERY_BATCHES) await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

function tellProgress({ inputs, findings, seconds }: Report): void {
  process.stderr.write(`fuzz: ${inputs} inputs, ${findings.length} findings, ${seconds.toFixed(0)} s\n`);
}

function finish(report: Report, { seed }: Options): void {
  for (const found of report.findings) tell(found, seed);
  process.stdout.write(`${summary(report)}\n`);
  if (report.findings.length > 0 || report.passedFirstShare < 0.5) process.exitCode = 1;
}

function tell({ target, message, index, input, count }: Found, seed: number): void {
  const file = keep(`${target}-${seed}-${index}`, { target, about: message.slice(0, 300), input });
  process.stdout.write(
    `FINDING ${message}\n  seen ${count} times, first as input ${index} of seed ${seed}, kept in ${file}\n` +
      `  replay: pnpm fuzz --seed ${seed} --target ${target} --from ${index} --inputs 1\n`,
  );
}

function number(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('expected a number above 0');
  return value;
}

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('expected an integer of 0 or more');
  return value;
}
