import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const LISTS = new URL('../../../../examples/data/ip-lists/', import.meta.url);

/** The lines of a real list in one release; see `examples/data`. */
export function realList(provider: 'github' | 'amazon', family: 'ipv4' | 'ipv6', release = '2026-08-21'): string[] {
  return readFileSync(fileURLToPath(new URL(`${release}/${provider}-${family}.txt`, LISTS)), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/** A generator of numbers below 2^32 that gives the same ones each time (xorshift, period 2^32 - 1). */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** `count` different IPv4 prefixes from /16 to /32 outside of private and reserved space, the same ones each time. */
export function syntheticPrefixes(count: number, seed = 1): string[] {
  const next = seededNumbers(seed);
  const prefixes = new Set<string>();
  while (prefixes.size < count) {
    const length = 16 + (next() % 17);
    const address = (0x0b00_0000 + (next() % 0x7000_0000)) >>> 0;
    const network = (address & (0xffff_ffff << (32 - length))) >>> 0;
    prefixes.add(`${network >>> 24}.${(network >>> 16) & 255}.${(network >>> 8) & 255}.${network & 255}/${length}`);
  }
  return [...prefixes];
}
