import type { Family } from '@higgins/balancing';
import { compareAddresses, formatAddress, type Prefix, parseAddress } from '@higgins/ipdata';
import { NAME_ADDRESSES_MAX } from './limits.js';

/**
 * The addresses in their one spelling, those that no member can have left out, none twice, IPv4 first and each family in
 * ascending order; of too many the lowest, so that the same answer always gives the same members.
 */
export function memberAddresses(texts: readonly string[]): string[] {
  const all = texts.flatMap((text) => usable(text) ?? []).sort(byFamilyAndValue);
  const spelt = all.map(({ family, words }) => formatAddress(family, words));
  return [...new Set(spelt)].slice(0, NAME_ADDRESSES_MAX);
}

/** The family of an address in its one spelling. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

function byFamilyAndValue(left: Prefix, right: Prefix): number {
  return left.family - right.family || compareAddresses(left.words, 0, right.words, 0, left.words.length);
}

/** Null for what is no address, unspecified, multicast, broadcast or reserved. */
function usable(text: string): Prefix | null {
  try {
    const address = parseAddress(text);
    const first = address.words[0]!;
    if (address.family === 4) return first >>> 24 !== 0 && first >>> 28 < 14 ? address : null;
    return first >>> 24 !== 0xff && address.words.some((word) => word !== 0) ? address : null;
  } catch {
    return null;
  }
}
