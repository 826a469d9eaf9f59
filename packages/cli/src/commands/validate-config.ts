import { validateAgentConfig } from '@higgins/agent';
import { validateRelayConfig } from '@higgins/relay';
import { type Command, InvalidArgumentError } from 'commander';
import { type OutputOptions, print } from '../output.js';

const VALIDATORS = { relay: validateRelayConfig, agent: validateAgentConfig };
type Kind = keyof typeof VALIDATORS;

/** `higgins validate-config`: checks a file and exits with 0, or names every problem with its line and exits with 2. */
export function addValidateConfigCommand(program: Command): void {
  program
    .command('validate-config')
    .description('check a configuration file without starting anything')
    .argument('<kind>', `what the file configures: ${Object.keys(VALIDATORS).join(' or ')}`, parseKind)
    .argument('<file>', 'YAML file')
    .option('--json', 'print one JSON line')
    .action((kind: Kind, file: string, options: OutputOptions) => {
      VALIDATORS[kind](file);
      print(options, { file, valid: true }, () => `${file}: valid`);
    });
}

function parseKind(text: string): Kind {
  if (Object.hasOwn(VALIDATORS, text)) return text as Kind;
  throw new InvalidArgumentError(`expected ${Object.keys(VALIDATORS).join(' or ')}`);
}
