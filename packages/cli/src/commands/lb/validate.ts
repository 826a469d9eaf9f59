import { loadConfigurationFile } from '@higgins/agent';
import { writeConfiguration } from '@higgins/balancing';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { type OutputOptions, print } from '../../output.js';

interface ValidateFlags extends OutputOptions {
  readonly print?: boolean;
}

/** `higgins lb validate`: checks a file offline, and prints what it amounts to with every default filled in. */
export function addValidateCommand(lb: Command): void {
  lb.command('validate')
    .description('check a configuration without touching anything; exits with 2 and names every problem with its line')
    .argument('<file>', "YAML in Lobby's form, Gateway API documents, or the core form")
    .option('--print', 'print the effective configuration in the core form, every default filled in')
    .option('--json', 'print one JSON line')
    .action((file: string, flags: ValidateFlags) => {
      const { configuration, notes } = loadConfigurationFile(file);
      const effective = flags.print ? { configuration: writeConfiguration(configuration) } : {};
      print(flags, { file, valid: true, notes, ...effective }, () => {
        const lines = notes.map(({ line, path, message }) => `${file}:${line ?? 1}: note: ${path}: ${message}`);
        const body = flags.print ? stringify(writeConfiguration(configuration)).trimEnd() : `${file}: valid`;
        return [...lines.map((line) => (flags.print ? `# ${line}` : line)), body].join('\n');
      });
    });
}
