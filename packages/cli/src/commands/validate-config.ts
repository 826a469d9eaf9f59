import { validateAgentConfig } from '@higgins/agent';
import { TlsFileError, validateRelayConfig } from '@higgins/relay';
import { type Command, InvalidArgumentError } from 'commander';
import { CommandError, ExitCode, type OutputOptions, print } from '../output.js';

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
      validate(kind, file);
      print(options, { file, valid: true }, () => `${file}: valid`);
    });
}

function validate(kind: Kind, file: string): void {
  try {
    VALIDATORS[kind](file);
  } catch (cause) {
    if (cause instanceof TlsFileError) throw new CommandError(`${file}: ${cause.message}`, ExitCode.usage, { cause });
    throw cause;
  }
}

function parseKind(text: string): Kind {
  if (Object.hasOwn(VALIDATORS, text)) return text as Kind;
  throw new InvalidArgumentError(`expected ${Object.keys(VALIDATORS).join(' or ')}`);
}
