import { isIP } from 'node:net';
import { ResolutionError } from './errors.js';

const DNS_PORT = 53;
const PARTS = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/;

/**
 * Reads `address` or `address:port`, an IPv6 address with a port in brackets, and returns it with its port, as
 * `10.0.0.1:53` or `[fd00::1]:53`.
 *
 * @throws ResolutionError `server`
 */
export function dnsServer(text: string): string {
  const [, bracketed, plain, port = `${DNS_PORT}`] = PARTS.exec(text) ?? [];
  const address = bracketed ?? plain ?? text.replace(/^\[(.+)\]$/, '$1');
  const family = isIP(address);
  const isPort = Number(port) >= 1 && Number(port) <= 65_535;
  if (family === 0 || !isPort || (bracketed !== undefined && family !== 6)) {
    throw new ResolutionError(
      'server',
      `server is "${text.slice(0, 64)}", expected an address, or an address and a port`,
    );
  }
  return family === 6 ? `[${address}]:${Number(port)}` : `${address}:${Number(port)}`;
}
