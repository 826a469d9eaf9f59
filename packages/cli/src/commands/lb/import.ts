import { readFileSync } from 'node:fs';
import { pathText, writeConfiguration } from '@higgins/balancing';
import { IMPORTERS } from '@higgins/balancing/front-ends';
import { type Command, InvalidArgumentError } from 'commander';
import { stringify } from 'yaml';
import { CommandError, ExitCode, type OutputOptions, print, printable } from '../../output.js';

type From = keyof typeof IMPORTERS;

/** Larger files are dumps of something else. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** `higgins lb import`: another balancer's configuration in the core form, and what could not be carried over. */
export function addImportCommand(lb: Command): void {
  lb.command('import')
    .description("translate another balancer's configuration; exits with 1 if something could not be carried over")
    .argument('<from>', `haproxy (mode tcp), nginx (stream) or ipvs (the output of ipvsadm -S -n)`, parseFrom)
    .argument('<file>', 'its configuration')
    .option('--json', 'print one JSON line')
    .action((from: From, file: string, flags: OutputOptions) => {
      const { configuration, omitted, problems } = IMPORTERS[from](readText(file));
      if (omitted.length + problems.length > 0) process.exitCode = ExitCode.failed;
      const written = writeConfiguration(configuration);
      print(flags, { configuration: written, omitted, problems }, () => {
        const left = omitted.map(({ line, text, reason }) => `# ${file}:${line}: ${printable(text)}: ${reason}`);
        const broken = problems.map(({ path, message }) => `# to be settled: ${pathText(path)}: ${message}`);
        return [...left, ...broken, stringify(written).trimEnd()].join('\n');
      });
    });
}

function parseFrom(text: string): From {
  if (Object.hasOwn(IMPORTERS, text)) return text as From;
  throw new InvalidArgumentError(`expected ${Object.keys(IMPORTERS).join(', ')}`);
}

function readText(file: string): string {
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= FILE_BYTES_MAX) return bytes.toString('utf8');
    throw new Error(`${bytes.length} bytes, expected at most ${FILE_BYTES_MAX}`);
  } catch (cause) {
    throw new CommandError(`${file}: ${cause instanceof Error ? cause.message : cause}`, ExitCode.usage, { cause });
  }
}
