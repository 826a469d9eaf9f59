// A measurement, inside the namespaces that `isolation.ts` made: `inside.js MEASUREMENT DIRECTORY`.
import type { InsideMessage } from '../enforcement/isolation.js';
import { measureEjection } from './ejection.js';
import type { Measurement } from './isolation.js';
import { measureRates } from './rates.js';
import { measureReload } from './reload.js';
import { measureProcess } from './service-process.js';

const MEASUREMENTS = { rates: measureRates, ejection: measureEjection, reload: measureReload, process: measureProcess };

const [measurement, directory] = process.argv.slice(2);
if (!isMeasurement(measurement) || directory === undefined) {
  throw new Error(`expected ${Object.keys(MEASUREMENTS).join(', ')}, and a directory`);
}
const outcomes = await MEASUREMENTS[measurement](directory, (text) => tell({ kind: 'progress', text }));
tell({ kind: 'outcomes', outcomes });
process.exit();

function isMeasurement(name: string | undefined): name is Measurement {
  return name !== undefined && name in MEASUREMENTS;
}

function tell(message: InsideMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
