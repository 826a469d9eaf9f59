#!/usr/bin/env node
import { ConfigError } from '@higgins/service';
import { CommanderError } from 'commander';
import { CommandError, ExitCode } from './output.js';
import { createProgram } from './program.js';

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** One sentence on standard error, and the exit code. Programming errors keep their stack. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (error instanceof CommandError || error instanceof ConfigError) {
    process.stderr.write(`higgins: ${error.message}\n`);
    return error instanceof CommandError ? error.exitCode : ExitCode.usage;
  }
  process.stderr.write(`higgins: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return ExitCode.failed;
}
