import type { Family } from '@higgins/balancing';
import {
  AddressError,
  bitsOf,
  compareAddresses,
  formatAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
} from '@higgins/ipdata';

/** The family of a literal address; null if the text is a name. */
export function familyOfAddress(host: string): Family | null {
  const address = addressOrNull(host);
  return address === null ? null : familyOfPrefix(address);
}

/** The family of an address, CIDR or `first-last`. */
export function familyOfRange(range: string): Family {
  return range.includes(':') ? 6 : 4;
}

/** An address as network-order bytes. @throws AddressError. */
export function bytesOfAddress(text: string): Uint8Array {
  const { words } = parseAddress(text);
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word);
  return bytes;
}

/** Whether an address lies in an address, CIDR or `first-last`; never if that is none. */
export function rangeHolds(range: string, address: Prefix): boolean {
  const [first, last] = endsOfRange(range) ?? [];
  if (first === undefined || last === undefined || first.family !== address.family) return false;
  return compare(first, address) <= 0 && compare(address, last) <= 0;
}

/** An address of an address, CIDR or `first-last` that a host may have: not a network's own. */
export function firstAddress(range: string): string {
  const [first] = endsOfRange(range) ?? [];
  if (first === undefined) return range;
  const words = Uint32Array.from(first.words);
  const isNetwork = range.includes('/') && bitsOf(first.family) - parsePrefix(range).length > 1;
  // What ends in zeros does not carry.
  if (isNetwork) words[words.length - 1]! += 1;
  return formatAddress(first.family, words);
}

function endsOfRange(range: string): readonly [Prefix, Prefix] | null {
  const dash = range.indexOf('-');
  if (dash >= 0) {
    const first = addressOrNull(range.slice(0, dash).trim());
    const last = addressOrNull(range.slice(dash + 1).trim());
    return first && last ? [first, last] : null;
  }
  const prefix = orNull(() => parsePrefix(range));
  return prefix && [prefix, lastOf(prefix)];
}

function lastOf({ family, words, length }: Prefix): Prefix {
  const last = words.map((word, index) => {
    const networkBits = Math.min(Math.max(length - index * 32, 0), 32);
    return networkBits === 32 ? word : (word | (0xffffffff >>> networkBits)) >>> 0;
  });
  return { family, words: last, length: bitsOf(family) };
}

function compare(left: Prefix, right: Prefix): number {
  return compareAddresses(left.words, 0, right.words, 0, left.words.length);
}

function familyOfPrefix({ family }: Prefix): Family {
  return family;
}

function addressOrNull(text: string): Prefix | null {
  return orNull(() => parseAddress(text));
}

function orNull<Result>(parse: () => Result): Result | null {
  try {
    return parse();
  } catch (error) {
    if (error instanceof AddressError) return null;
    throw error;
  }
}
