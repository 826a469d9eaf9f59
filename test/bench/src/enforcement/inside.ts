// A measurement, inside the namespaces that `isolation.ts` made: `inside.js commit|expiry DIRECTORY`.
import { measureCommit } from './commit.js';
import { measureExpiry } from './expiry.js';
import type { InsideMessage } from './isolation.js';
import { Pops } from './pops.js';

const MEASUREMENTS = { commit: measureCommit, expiry: measureExpiry };

const [measurement, directory] = process.argv.slice(2);
if ((measurement !== 'commit' && measurement !== 'expiry') || directory === undefined) {
  throw new Error('expected commit or expiry, and a directory');
}
try {
  await using pops = new Pops(directory);
  const outcomes = await MEASUREMENTS[measurement](pops, (text) => tell({ kind: 'progress', text }));
  tell({ kind: 'outcomes', outcomes });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function tell(message: InsideMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
