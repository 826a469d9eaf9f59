import type { Command } from 'commander';
import { initAuthority, issueIdentityFiles } from '../certificates/files.js';
import { CommandError, ExitCode, type OutputOptions, print } from '../output.js';

/** `higgins certs init|issue`. */
export function addCertsCommand(program: Command): void {
  const certs = program
    .command('certs')
    .description('make an authority and certificates for relays, agents and publishers');

  certs
    .command('init')
    .description('make an authority (ECDSA P-256): ca.pem and ca.key')
    .requiredOption('--dir <directory>', 'where the files go')
    .option('--name <name>', 'common name of the authority', 'Higgins Bus authority')
    .option('--days <days>', 'how long it is valid', '3650')
    .option('--json', 'print one JSON line')
    .action(async (options: OutputOptions & { dir: string; name: string; days: string }) => {
      const files = await initAuthority(options.dir, { name: options.name, days: parseDays(options.days) });
      print(options, files, ({ certificate, privateKey }) => `authority: ${certificate}\nkeep secret: ${privateKey}`);
    });

  certs
    .command('issue')
    .description('issue a certificate that serves and that identifies a client: NAME.pem and NAME.key')
    .requiredOption('--dir <directory>', 'where the authority is and the files go')
    .requiredOption('--name <name>', 'common name, such as relay-a or pop-fra1')
    .option('--host <host>', 'DNS name or IP address of a server; repeatable', collect, [])
    .option('--days <days>', 'how long it is valid; browsers accept a certificate by hash for at most 14', '90')
    .option('--json', 'print one JSON line')
    .addHelpText(
      'after',
      '\nExample:\n  higgins certs issue --dir certs --name relay-a --host 127.0.0.1 --host relay-a.example',
    )
    .action(async (options: OutputOptions & { dir: string; name: string; host: string[]; days: string }) => {
      const { dir, name, host: hosts } = options;
      const files = await issueIdentityFiles(dir, { name, hosts, days: parseDays(options.days) });
      print(options, files, ({ certificate, privateKey }) => `certificate: ${certificate}\nkeep secret: ${privateKey}`);
    });
}

/** Gathers a repeatable option. */
export function collect(value: string, earlier: string[]): string[] {
  return [...earlier, value];
}

function parseDays(text: string): number {
  const days = Number(text);
  if (Number.isFinite(days) && Math.abs(days) <= 36_500) return days;
  throw new CommandError(`--days "${text}": expected a number of days, at most 36500`, ExitCode.usage);
}
