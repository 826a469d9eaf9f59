import { AddressError, type Family, type Prefix, parseAddress, parsePrefix } from '@higgins/ipdata';

/** Consecutive addresses of one family, both ends included. */
export interface AddressRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

// RFC 1123 labels, and underscores as service names have them.
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
const HOST_CHARACTERS_MAX = 253;
const DIGITS_AND_DOTS = /^[0-9.]*$/;

/** Reads an address, a CIDR or `first-last`. @throws AddressError. */
export function parseRange(text: string): AddressRange {
  const dash = text.indexOf('-');
  if (dash < 0) return rangeOf(parsePrefix(text));
  const first = rangeOf(parseAddress(text.slice(0, dash)));
  const last = rangeOf(parseAddress(text.slice(dash + 1)));
  if (first.family !== last.family || first.first > last.first) {
    throw new AddressError('SYNTAX', text, 'a first address that is not above the last, both of one family');
  }
  return { family: first.family, first: first.first, last: last.last };
}

/** The address family of a literal address; null for anything else. */
export function familyOf(text: string): Family | null {
  // Most texts that are no addresses are names, and an error for each would cost more than all the rest.
  if (!text.includes(':') && !DIGITS_AND_DOTS.test(text)) return null;
  try {
    return parseAddress(text).family;
  } catch (error) {
    if (error instanceof AddressError) return null;
    throw error;
  }
}

/** Whether the text is a host name, fully qualified or not; a name whose last label is a number is a broken address. */
export function isHostName(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  const labels = name.split('.');
  if (name.length > HOST_CHARACTERS_MAX || !labels.every((label) => LABEL.test(label))) return false;
  return !/^\d+$/.test(labels.at(-1)!);
}

/** Whether packets can be sent to a host with this address: neither unspecified nor multicast nor broadcast. */
export function isUnicast(address: string): boolean {
  const { family, words } = parseAddress(address);
  const high = words[0]! >>> 24;
  if (family === 4) return high !== 0 && high < 224;
  return high !== 255 && words.some((word) => word !== 0);
}

/** Reads `address`, `address:port` or `[address]:port`; null if it is neither. */
export function parseEndpoint(text: string): { address: string; port: number | null } | null {
  if (familyOf(text) !== null) return { address: text, port: null };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (address === undefined || port < 1 || port > 65_535) return null;
  const family = familyOf(address);
  return family === (match?.[1] === undefined ? 4 : 6) ? { address, port } : null;
}

/** Whether the ranges have an address in common. */
export function overlap(a: AddressRange, b: AddressRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** Whether all of `inner` is in `outer`. */
export function contains(outer: AddressRange, inner: AddressRange): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

function rangeOf({ family, words, length }: Prefix): AddressRange {
  const first = words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
  const hostBits = BigInt((family === 4 ? 32 : 128) - length);
  return { family, first, last: first + (1n << hostBits) - 1n };
}
