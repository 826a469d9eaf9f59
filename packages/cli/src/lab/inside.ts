// The lab itself, inside the namespaces that `main.ts` made.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { StepReport } from '../isolated/report.js';
import { EXAMPLES, type ExampleName } from './examples.js';
import { Lab } from './lab.js';
import { LabSteps } from './steps.js';

const { values } = parseArgs({
  options: {
    directory: { type: 'string' },
    example: { type: 'string' },
    json: { type: 'string' },
    logs: { type: 'string' },
  },
});
const { directory, example } = values;
if (directory === undefined || example === undefined) throw new Error('expected --directory and --example');

const report = new StepReport();
try {
  await run(directory, example as ExampleName);
  process.stdout.write('\nEvery step was observed to hold.\n');
} catch (error) {
  // A failed step has already been printed; anything else is a fault of the lab.
  if (report.result().steps.every(({ ok }) => ok)) process.stderr.write(`lab: ${String(error)}\n`);
  process.stdout.write('\nThe lab failed.\n');
  process.exitCode = 1;
} finally {
  if (values.json !== undefined) report.writeJson(values.json);
}

async function run(directory: string, name: ExampleName): Promise<void> {
  const logs = values.logs ?? join(directory, 'logs');
  mkdirSync(logs, { recursive: true });
  await using lab = new Lab(directory, logs, EXAMPLES[name]);
  const steps = new LabSteps(lab, report);
  await report.step('A client, a balancer and backends start, each in a network namespace of its own', () =>
    steps.start(),
  );
  await report.step('Connections are distributed, and each goes where it was predicted to go', () =>
    steps.distribute(),
  );
  await report.step('A backend is drained: it keeps its connection and gets no new one', () => steps.drain());
  await report.step('A backend dies and comes back while connections are opened', () => steps.kill());
  await report.step('The configuration is reloaded under load', () => steps.reload());
  await report.step('The balancer is killed: the kernel goes on, and a new one changes nothing', () => steps.orphan());
}
