import { Ipv4Matcher, Ipv6Matcher, type PrefixSet, parseAddress } from '@higgins/ipdata';
import type { ListValue } from '../core/list.js';

/** Looks addresses up in the values of lists; the search structures are made when a value is first asked. */
export class ListMatchers {
  readonly #ipv4 = new WeakMap<PrefixSet, Ipv4Matcher>();
  readonly #ipv6 = new WeakMap<PrefixSet, Ipv6Matcher>();

  /** Whether the value covers the address. Throws AddressError if it is not an address. */
  matches(value: ListValue, address: string): boolean {
    const { family, words } = parseAddress(address);
    if (family === 4) return cached(this.#ipv4, value.ipv4, (set) => new Ipv4Matcher(set)).has(words[0]!);
    return cached(this.#ipv6, value.ipv6, (set) => new Ipv6Matcher(set)).has(words);
  }
}

function cached<M>(cache: WeakMap<PrefixSet, M>, set: PrefixSet, make: (set: PrefixSet) => M): M {
  let matcher = cache.get(set);
  if (matcher === undefined) {
    matcher = make(set);
    cache.set(set, matcher);
  }
  return matcher;
}
