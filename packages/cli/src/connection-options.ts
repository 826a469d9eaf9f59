import { readFileSync } from 'node:fs';
import type { ConnectOptions } from '@higgins/transport';
import type { Command } from 'commander';
import { CommandError, ExitCode } from './output.js';

/** How a command reaches relays, as commander parses it. */
export interface ConnectionFlags {
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsDisableVerify?: boolean;
}

/** TLS material of a client, as the transport takes it. */
export type ClientTls = Pick<ConnectOptions, 'authoritiesPem' | 'identity' | 'insecure'>;

/** Adds the TLS flags that every command with a connection has. */
export function addTlsFlags(command: Command): Command {
  return command
    .option('--tls-ca <file>', 'authorities that the relay is judged by (PEM)')
    .option('--tls-cert <file>', 'our certificate (PEM); relays demand one unless they run with --anonymous')
    .option('--tls-key <file>', 'our private key (PEM)')
    .option('--tls-disable-verify', 'accept any certificate of the relay: for tests and diagnosis only');
}

/**
 * Reads the files that the flags name.
 *
 * @throws CommandError (usage) naming the flag, the file and the reason
 */
export function readTls(flags: ConnectionFlags): ClientTls {
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined)) {
    throw new CommandError('--tls-cert and --tls-key go together: expected both or none', ExitCode.usage);
  }
  if (flags.tlsCa === undefined && !flags.tlsDisableVerify) {
    throw new CommandError('--tls-ca is missing: expected the authorities that the relay is judged by', ExitCode.usage);
  }
  return {
    ...(flags.tlsCa === undefined ? {} : { authoritiesPem: readPem('--tls-ca', flags.tlsCa) }),
    ...(flags.tlsDisableVerify ? { insecure: true } : {}),
    ...(flags.tlsCert === undefined || flags.tlsKey === undefined
      ? {}
      : {
          identity: {
            certificatePem: readPem('--tls-cert', flags.tlsCert),
            privateKeyPem: readPem('--tls-key', flags.tlsKey),
          },
        }),
  };
}

/** Reads a PEM file that a flag names. Throws CommandError (usage). */
export function readPem(flag: string, file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.includes('-----BEGIN ')) return text;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`${flag} ${file} cannot be read: ${reason}`, ExitCode.usage, { cause });
  }
  throw new CommandError(`${flag} ${file}: expected PEM text`, ExitCode.usage);
}
