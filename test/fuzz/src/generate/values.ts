import {
  add,
  canonical,
  encodeProperties,
  type FullTrackName,
  fullTrackName,
  immutableProperties,
  type KeyValuePair,
  type Location,
  type SubscriptionFilter,
  type Token,
  type TrackNamespace,
  trackNamespace,
  VI64_MAX,
  type Vi64,
} from '@higgins/protocol';
import type { Random } from '../frame/random.js';

export function location(random: Random): Location {
  return { group: random.vi64(), object: random.vi64() };
}

/** Usually a few short fields; sometimes as many, or as long, as the draft allows. */
export function namespace(random: Random): TrackNamespace {
  if (random.oneIn(60)) return trackNamespace(Array.from({ length: 32 }, () => random.bytes(100, 1)));
  if (random.oneIn(60)) return trackNamespace([random.bytes(4000, 3000)]);
  return trackNamespace(Array.from({ length: random.below(4) }, () => random.bytes(5, 1)));
}

export function trackName(random: Random): FullTrackName {
  return fullTrackName(namespace(random), random.bytes(6));
}

export function text(random: Random): string {
  return random.pick(['', 'a', 'gone', 'é', '\u{1f600}', 'x'.repeat(random.below(1100))]);
}

export function token(random: Random): Token {
  const alias = random.below(4);
  switch (random.below(4)) {
    case 0:
      return { action: 'register', alias, type: random.vi64(), value: random.bytes(40) };
    case 1:
      return { action: random.pick(['use-alias', 'delete']), alias };
    default:
      return { type: random.vi64(), value: random.bytes(12) };
  }
}

export function filter(random: Random): SubscriptionFilter {
  const start = location(random);
  switch (random.below(4)) {
    case 0:
      return { kind: 'largest-object' };
    case 1:
      return { kind: 'next-group-start' };
    case 2:
      return { kind: 'absolute-start', start };
    default:
      return range(random.oneIn(3) ? { group: VI64_MAX, object: 0 } : start, random.below(9));
  }
}

/** Encoded Track Properties that the draft allows; half of the time none. */
export function trackProperties(random: Random): Uint8Array {
  return properties(random, [0x02, 0x04, 0x06, 0x0d, 0x0e, 0x22, 0x30, 0x3800, 0x3803, 0x4000, 0x9d]);
}

/** Encoded Object Properties that the draft allows; half of the time none. */
export function objectProperties(random: Random): Uint8Array {
  return properties(random, [0x3c, 0x3e, 0x0d, 0x3800, 0x3803, 0x3806, 0x9d]);
}

function properties(random: Random, types: readonly number[]): Uint8Array {
  if (random.oneIn(2)) return new Uint8Array(0);
  const pairs = new Map<Vi64, KeyValuePair>();
  for (let i = random.below(5); i > 0; i--) {
    const pair = property(random, types);
    pairs.set(pair.type, pair);
  }
  const all = [...pairs.values()];
  const inside = random.oneIn(3) ? random.below(all.length + 1) : -1;
  return encodeProperties(inside < 0 ? all : [...all.slice(inside), immutableProperties(all.slice(0, inside))]);
}

function property(random: Random, types: readonly number[]): KeyValuePair {
  // Above the range of mandatory ones.
  const type = random.oneIn(6) ? canonical((BigInt(random.vi64()) >> 1n) | (1n << 20n)) : random.pick(types);
  const even = (BigInt(type) & 1n) === 0n;
  if (!even) return { type, value: random.bytes(12) };
  if (type === 0x3c || type === 0x3e) return { type, value: 0 };
  return { type, value: type < 0x3800 ? 1 : random.vi64() };
}

function range(start: Location, groups: number): SubscriptionFilter {
  return { kind: 'absolute-range', start, endGroup: notAbove(add(start.group, groups)) };
}

function notAbove(value: Vi64): Vi64 {
  return value > VI64_MAX ? VI64_MAX : value;
}
