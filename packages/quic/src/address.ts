import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { TransportError } from '@higgins/transport';

/** Where a URL leads. */
export interface Target {
  /** Host name or address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isWebTransport: boolean;
}

const DEFAULT_PORT = 443;

/**
 * Reads `moqt://host:port/path` (raw QUIC) or `https://host:port/path` (WebTransport).
 *
 * @throws TransportError `address-invalid`
 */
export function parseTarget(url: string): Target {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || parsed.hostname === '') {
    throw new TransportError(
      'address-invalid',
      `url ${url} is not valid, expected moqt://host:port or https://host:port`,
    );
  }
  if (parsed.protocol !== 'moqt:' && parsed.protocol !== 'https:') {
    throw new TransportError(
      'address-invalid',
      `url ${url} has the scheme ${parsed.protocol}, expected moqt: or https:`,
    );
  }
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? DEFAULT_PORT : Number(parsed.port),
    isWebTransport: parsed.protocol === 'https:',
  };
}

/** `host:port`, IPv6 in brackets. */
export function joinAddress(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The IP addresses of a host, as the system's resolver orders them.
 *
 * @throws TransportError `address-invalid`
 */
export async function resolveHost(host: string): Promise<readonly string[]> {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) !== 0) return [bare];
  try {
    const found = await lookup(bare, { all: true, order: 'verbatim' });
    return found.map(({ address }) => address);
  } catch (cause) {
    throw new TransportError('address-invalid', `host ${host} cannot be resolved`, { cause });
  }
}

/**
 * Checks a port to listen on.
 *
 * @throws TransportError `address-invalid`
 */
export function checkPort(port: number): void {
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new TransportError('address-invalid', `port ${port} is not valid, expected 0 to 65535`);
  }
}
