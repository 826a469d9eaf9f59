import { MOQT_18 } from '@higgins/protocol';
import { CommandError, ExitCode } from '../../output.js';
import { type InteropCase, interopCases } from './cases.js';

/** The flags, as commander parses them. */
export interface InteropFlags {
  readonly relay?: string;
  readonly test?: string;
  readonly list?: boolean;
  readonly verbose?: boolean;
  readonly tlsDisableVerify?: boolean;
  readonly tlsCa?: string;
  readonly role?: string;
  readonly json?: string;
  readonly timeFactor?: string;
}

/** The runner's environment variables; a flag goes before its variable. */
export interface InteropEnvironment {
  readonly [name: string]: string | undefined;
}

export interface ClientSettings {
  readonly role: 'client';
  readonly url: string;
  readonly cases: readonly InteropCase[];
  readonly insecure: boolean;
  readonly verbose: boolean;
  readonly timeFactor: number;
}

export interface RelaySettings {
  readonly role: 'relay';
  readonly port: number;
  readonly certificate: string;
  readonly privateKey: string;
}

const DEFAULT_URL = 'https://localhost:4443';

/**
 * What flags and environment ask for.
 *
 * @throws CommandError: `unsupported` for a case, role or draft that we do not have, `usage` for what makes no sense
 */
export function interopSettings(flags: InteropFlags, environment: InteropEnvironment): ClientSettings | RelaySettings {
  const role = flags.role ?? set(environment['MOQT_ROLE']) ?? 'client';
  if (role === 'relay') return relaySettings(environment);
  if (role !== 'client') throw unsupported(`role "${role}": expected client or relay`);
  checkDraft(set(environment['MOQT_DRAFT']));
  return {
    role,
    url: urlOf(flags.relay ?? set(environment['RELAY_URL']) ?? DEFAULT_URL),
    cases: casesOf(flags.test ?? set(environment['TESTCASE'])),
    insecure: flags.tlsDisableVerify ?? isOn(environment['TLS_DISABLE_VERIFY']),
    verbose: flags.verbose ?? isOn(environment['VERBOSE']),
    timeFactor: timeFactorOf(flags.timeFactor),
  };
}

function relaySettings(environment: InteropEnvironment): RelaySettings {
  const text = set(environment['MOQT_PORT']) ?? '4443';
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new CommandError(`MOQT_PORT "${text}": expected a port from 0 to 65535`, ExitCode.usage);
  }
  return {
    role: 'relay',
    port,
    certificate: set(environment['MOQT_CERT']) ?? '/certs/cert.pem',
    privateKey: set(environment['MOQT_KEY']) ?? '/certs/priv.key',
  };
}

function urlOf(url: string): string {
  if (/^(moqt|https):\/\/[^/?#]+/.test(url)) return url;
  throw new CommandError(
    `relay "${url}": expected moqt://HOST:PORT (raw QUIC) or https://HOST:PORT (WebTransport)`,
    ExitCode.usage,
  );
}

function casesOf(name: string | undefined): readonly InteropCase[] {
  if (name === undefined) return interopCases;
  const chosen = interopCases.filter((one) => one.name === name);
  if (chosen.length > 0) return chosen;
  throw unsupported(`case "${name}": expected one of ${interopCases.map((one) => one.name).join(', ')}`);
}

function checkDraft(draft: string | undefined): void {
  if (draft === undefined) return;
  const number = /^(?:draft-|moqt-)?(\d+)$/.exec(draft)?.[1];
  if (`moqt-${number}` !== MOQT_18.protocol) throw unsupported(`MOQT_DRAFT "${draft}": expected draft-18`);
}

function timeFactorOf(text: string | undefined): number {
  const factor = Number(text ?? 1);
  if (factor >= 0.1 && factor <= 1000) return factor;
  throw new CommandError(`--time-factor "${text}": expected a number from 0.1 to 1000`, ExitCode.usage);
}

function unsupported(message: string): CommandError {
  return new CommandError(message, ExitCode.unsupported);
}

/** An empty variable counts as one that is not set. */
function set(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && ['1', 'true', 'yes'].includes(value.toLowerCase());
}
