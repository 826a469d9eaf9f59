import { writeFileSync } from 'node:fs';
import { QuicTransport } from '@higgins/quic';
import { runRelay, TlsFileError } from '@higgins/relay';
import { NodeRuntime } from '@higgins/runtime/node';
import { TransportError } from '@higgins/transport';
import type { Command } from 'commander';
import { readPem } from '../connection-options.js';
import { CommandError, ExitCode } from '../output.js';
import { interopCases } from './interop/cases.js';
import { type CaseReport, runCase } from './interop/run.js';
import { type ClientSettings, type InteropFlags, interopSettings, type RelaySettings } from './interop/settings.js';
import { tapComment, tapHeader, tapPoint } from './interop/tap.js';

const HELP = `
Environment, after the flags: RELAY_URL, TESTCASE, TLS_DISABLE_VERIFY=1, VERBOSE=1, MOQT_DRAFT (draft-18 only),
MOQT_ROLE. With the role relay: MOQT_PORT (4443), MOQT_CERT (/certs/cert.pem), MOQT_KEY (/certs/priv.key); every
client is let in, so this is for tests only.

Exit codes of this command: 0 all passed, 1 one failed, 127 a case, role or draft that is not supported.

Examples:
  higgins interop -r moqt://127.0.0.1:4443 --tls-disable-verify
  higgins interop -r https://relay.example:4443/moq -t announce-subscribe -v
  MOQT_PORT=4443 MOQT_CERT=cert.pem MOQT_KEY=priv.key higgins interop --role relay`;

/** `higgins interop`: the cases of the public MOQT interop runner, as its client or as its relay. */
export function addInteropCommand(program: Command): void {
  program
    .command('interop')
    .description('run the cases of the public MOQT interop runner against a relay, or be the relay (TAP version 14)')
    .option('-r, --relay <url>', 'moqt://HOST:PORT is raw QUIC, https://HOST:PORT/PATH is WebTransport')
    .option('-t, --test <case>', 'one case instead of all')
    .option('-l, --list', 'print the names of the cases')
    .option('-v, --verbose', 'print what each session hears, as comments')
    .option('--tls-disable-verify', 'accept any certificate of the relay')
    .option('--tls-ca <file>', 'authorities that the relay is judged by (PEM) instead of the system’s')
    .option('--role <role>', 'client or relay')
    .option('--time-factor <n>', 'multiply the time that each case may take, for slow paths')
    .option('--json <file>', 'write the results to a file as well')
    .addHelpText('after', HELP)
    .action(run);
}

async function run(flags: InteropFlags): Promise<void> {
  if (flags.list) {
    process.stdout.write(interopCases.map((one) => `${one.name}\n`).join(''));
    return;
  }
  const settings = interopSettings(flags, process.env);
  if (settings.role === 'relay') await runAsRelay(settings);
  else process.exitCode = await runAsClient(settings, flags);
}

async function runAsRelay({ port, certificate, privateKey }: RelaySettings): Promise<void> {
  try {
    await runRelay({ listen: { port }, tls: { certificate, privateKey }, anonymous: true });
  } catch (cause) {
    if (!(cause instanceof TransportError || cause instanceof TlsFileError)) throw cause;
    throw new CommandError(cause.message, ExitCode.failed, { cause });
  }
}

async function runAsClient(settings: ClientSettings, flags: InteropFlags): Promise<ExitCode> {
  const { url, cases, insecure, verbose, timeFactor } = settings;
  const authorities = flags.tlsCa === undefined ? {} : { authoritiesPem: readPem('--tls-ca', flags.tlsCa) };
  print(tapHeader(['higgins interop 0.1.0', `Relay: ${url}`, 'Draft: draft-18'], cases.length));
  await using resources = new AsyncDisposableStack();
  // Nothing is written there: the cases keep no state.
  const runtime = resources.use(new NodeRuntime({ directory: 'higgins-interop' }));
  const transport = new QuicTransport();
  resources.defer(() => transport.close());
  const reports: CaseReport[] = [];
  for (const one of cases) {
    const report = await runCase(one, {
      ...{ runtime, transport, timeFactor },
      relay: { url, ...authorities, ...(insecure ? { insecure } : {}) },
      log: (line) => {
        if (verbose) print(tapComment(`${one.name}, ${line}`));
      },
    });
    reports.push(report);
    print(tapPoint(reports.length, report));
  }
  if (flags.json !== undefined) writeResults(flags.json, { relay: url, draft: 'draft-18', cases: reports });
  return reports.every(({ passed }) => passed) ? ExitCode.ok : ExitCode.failed;
}

function writeResults(file: string, results: unknown): void {
  try {
    writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`--json ${file} cannot be written: ${reason}`, ExitCode.failed, { cause });
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
