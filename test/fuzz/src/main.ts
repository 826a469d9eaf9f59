import { writeFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { keep } from './frame/corpus.js';
import { type Report, reportOf, summary } from './frame/report.js';
import { type Found, FuzzRun } from './frame/run.js';
import { WorkThread } from './frame/work-thread.js';
import { TARGETS } from './targets/index.js';

interface Options {
  readonly minutes: number;
  readonly inputs?: number;
  readonly seed: number;
  readonly from: number;
  readonly target?: string;
  readonly json?: string;
}

const BATCH = 500;
/** Inputs of the `work` target to one batch of the others: it is slow, and shows what it shows at once. */
const WORK_EVERY_BATCHES = 20;
const PROGRESS_MS = 5_000;

const command = new Command('fuzz')
  .description('Feeds the protocol core with valid and nearly valid input, drawn from a seed, and judges what it does.')
  .option('--minutes <count>', 'how long to run', number, 1)
  .option('--inputs <count>', 'how many inputs to run instead', integer)
  .option('--seed <seed>', 'where draws start', integer, 1)
  .option('--from <index>', 'the number of the first input', integer, 0)
  .option('--target <name>', `one of work, ${TARGETS.map(({ name }) => name).join(', ')}; default: all`)
  .option('--json <file>', 'writes the results to a file')
  .action((options: Options) => fuzz(options));

await command.parseAsync();

async function fuzz(options: Options): Promise<void> {
  const targets = TARGETS.filter(({ name }) => options.target === undefined || name === options.target);
  if (targets.length === 0 && options.target !== 'work') command.error(`no target is named ${options.target}`);
  const run = new FuzzRun(targets, options.seed, options.from);
  const startedMs = performance.now();
  await using work = new WorkThread(options.seed, options.target === 'work' ? options.from : 0);
  const until: Until = { inputs: options.inputs ?? Number.POSITIVE_INFINITY, ms: startedMs + options.minutes * 60_000 };
  if (options.inputs !== undefined) until.ms = Number.POSITIVE_INFINITY;
  if (options.target === 'work') await runWork(work, until);
  else await runBatches(run, options.target === undefined ? work : null, until);
  const report = reportOf(run, work.result, performance.now() - startedMs);
  finish(report, options);
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
}

interface Until {
  readonly inputs: number;
  ms: number;
}

async function runWork(work: WorkThread, until: Until): Promise<void> {
  for (let inputs = 0; inputs < until.inputs && performance.now() < until.ms; inputs++) await work.run(1);
}

async function runBatches(run: FuzzRun, work: WorkThread | null, until: Until): Promise<void> {
  const startedMs = performance.now();
  let toldMs = startedMs;
  for (let batch = 0; run.inputs < until.inputs && performance.now() < until.ms; batch++) {
    if (work !== null && batch % WORK_EVERY_BATCHES === 0) await work.run(1);
    run.run(Math.min(BATCH, until.inputs - run.inputs));
    const nowMs = performance.now();
    if (nowMs - toldMs > PROGRESS_MS) {
      toldMs = nowMs;
      const seconds = ((nowMs - startedMs) / 1000).toFixed(0);
      process.stderr.write(`fuzz: ${run.inputs} inputs, ${run.found.size} findings, ${seconds} s\n`);
    }
    await setImmediate();
  }
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
