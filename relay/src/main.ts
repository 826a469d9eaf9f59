#!/usr/bin/env node
import './io/short-lived-objects.js';
import { loadRelayConfig } from './io/config.js';
import { runRelay } from './io/run-relay.js';
import { validateRelayConfig } from './io/validate.js';

const USAGE = `usage: higgins-relay CONFIG.yaml
       higgins-relay validate-config CONFIG.yaml`;

await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<void> {
  try {
    if (args.length === 2 && args[0] === 'validate-config') {
      validateRelayConfig(args[1]!);
      process.stdout.write(`${args[1]}: valid\n`);
    } else if (args.length === 1 && !args[0]!.startsWith('-')) {
      await runRelay(loadRelayConfig(args[0]!));
    } else {
      process.stderr.write(`${USAGE}\n`);
      process.exitCode = 2;
    }
  } catch (error) {
    process.stderr.write(`higgins-relay: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
