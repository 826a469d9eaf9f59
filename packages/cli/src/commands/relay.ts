import { loadRelayConfig, type RelayConfigInput, runRelay, TlsFileError } from '@higgins/relay';
import { TransportError } from '@higgins/transport';
import type { Command } from 'commander';
import { CommandError, ExitCode } from '../output.js';
import { collect } from './certs.js';

interface RelayFlags {
  readonly config?: string;
  readonly listen?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
  readonly upstream: readonly string[];
  readonly upstreamInsecure?: boolean;
  readonly anonymous?: boolean;
  readonly admin?: string;
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** `higgins relay`: runs a relay until SIGTERM, from a configuration file or from flags. */
export function addRelayCommand(program: Command): void {
  program
    .command('relay')
    .description('run a relay: raw QUIC and WebTransport on one UDP port')
    .option('--config <file>', 'configuration of the relay (YAML); the flags below cover what a lab needs')
    .option('--listen <host:port>', 'address to listen on; IPv6 in brackets, port 0 picks a free one')
    .option('--tls-cert <file>', 'certificate chain (PEM)')
    .option('--tls-key <file>', 'its private key (PEM)')
    .option('--tls-ca <file>', 'authorities that clients and upstreams are judged by (PEM)')
    .option(
      '--upstream <url>',
      'relay above, moqt://HOST:PORT or https://HOST:PORT/PATH; repeatable, in order of preference',
      collect,
      [],
    )
    .option('--upstream-insecure', 'accept any certificate of the upstreams: for tests only')
    .option('--anonymous', 'admit clients without credentials: for tests only, and the log says so')
    .option('--admin <host:port>', 'serve metrics, health and the admin API here')
    .option('--log-level <level>', 'debug, info, warn, error or silent')
    .addHelpText(
      'after',
      `
SIGTERM drains: clients are asked to go elsewhere. SIGHUP reads certificates and keys again.

Examples:
  higgins relay --listen 127.0.0.1:4443 --tls-cert relay.pem --tls-key relay.key --tls-ca ca.pem
  higgins relay --listen [::]:4444 --tls-cert relay.pem --tls-key relay.key --tls-ca ca.pem --upstream moqt://127.0.0.1:4443
  higgins relay --config relay.yaml`,
    )
    .action((flags: RelayFlags) => run(flags));
}

async function run(flags: RelayFlags): Promise<void> {
  try {
    await runRelay(flags.config === undefined ? configOfFlags(flags) : configOfFile(flags.config, flags));
  } catch (cause) {
    if (cause instanceof TransportError || cause instanceof TlsFileError) {
      throw new CommandError(cause.message, ExitCode.failed, { cause });
    }
    throw cause;
  }
}

function configOfFile(file: string, flags: RelayFlags): RelayConfigInput {
  const others = Object.entries(flags).filter(([name, value]) => name !== 'config' && !isEmpty(value));
  if (others.length > 0)
    throw new CommandError('--config excludes the other flags: expected one or the other', ExitCode.usage);
  return loadRelayConfig(file);
}

function configOfFlags(flags: RelayFlags): RelayConfigInput {
  const { listen, tlsCert, tlsKey } = flags;
  if (listen === undefined || tlsCert === undefined || tlsKey === undefined) {
    throw new CommandError('expected --config, or --listen with --tls-cert and --tls-key', ExitCode.usage);
  }
  return {
    listen: parseAddress('--listen', listen),
    tls: {
      certificate: tlsCert,
      privateKey: tlsKey,
      ...(flags.tlsCa === undefined ? {} : { clientAuthorities: flags.tlsCa }),
    },
    anonymous: flags.anonymous ?? false,
    upstreams: flags.upstream.map((url) => ({ url, insecure: flags.upstreamInsecure ?? false })),
    ...(flags.admin === undefined ? {} : { admin: parseAddress('--admin', flags.admin) }),
    ...(flags.logLevel === undefined ? {} : { log: { level: flags.logLevel } }),
  };
}

function parseAddress(flag: string, text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new CommandError(
      `${flag} "${text}": expected HOST:PORT, such as 127.0.0.1:4443 or [::]:4443`,
      ExitCode.usage,
    );
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
