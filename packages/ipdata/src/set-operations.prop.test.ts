import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aggregate,
  applyDiff,
  bitsOf,
  diff,
  type Family,
  firstDisorder,
  firstInvalid,
  formatPrefix,
  Ipv4Matcher,
  Ipv6Matcher,
  type Prefix,
  type PrefixSet,
  PrefixSetBuilder,
  parsePrefix,
  prefixAt,
  prefixesOfRanges,
  prefixTexts,
  rangesOf,
  samePrefixes,
  union,
  wordsOf,
} from './index.js';

// The model: a prefix is its first and last address as bigints, a set is a list of texts.
const toBig = (words: Uint32Array): bigint => words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
const toWords = (family: Family, value: bigint): Uint32Array =>
  Uint32Array.from({ length: wordsOf(family) }, (_, index) =>
    Number((value >> BigInt(32 * (wordsOf(family) - 1 - index))) & 0xffff_ffffn),
  );
const lastOf = (prefix: Prefix): bigint =>
  toBig(prefix.words) | ((1n << BigInt(bitsOf(prefix.family) - prefix.length)) - 1n);
const covers = (prefixes: readonly Prefix[], address: bigint): boolean =>
  prefixes.some((prefix) => toBig(prefix.words) <= address && address <= lastOf(prefix));
const membersOf = (set: PrefixSet): Prefix[] => Array.from({ length: set.size }, (_, index) => prefixAt(set, index));

// Few distinct bits, so that prefixes touch, contain and repeat one another.
const prefix = (family: Family): fc.Arbitrary<Prefix> =>
  fc
    .record({
      high: fc.bigInt({ min: 0n, max: 7n }),
      low: fc.bigInt({ min: 0n, max: 7n }),
      length: fc.oneof(
        fc.integer({ min: 0, max: bitsOf(family) }),
        fc.integer({ min: bitsOf(family) - 4, max: bitsOf(family) }),
      ),
      atBorder: fc.boolean(),
    })
    .map(({ high, low, length, atBorder }) => {
      const bits = BigInt(bitsOf(family));
      const top = atBorder ? (1n << bits) - 8n : high << (bits - 3n);
      const hostBits = bits - BigInt(length);
      return { family, words: toWords(family, ((top | low) >> hostBits) << hostBits), length };
    });
const prefixes = (family: Family) => fc.array(prefix(family), { maxLength: 24 });
const build = (family: Family, members: readonly Prefix[]): PrefixSet => {
  const builder = new PrefixSetBuilder(family, 1);
  for (const member of members) builder.add(member);
  return builder.build();
};
// Every place where membership can change, and its neighbours.
const borders = (family: Family, members: readonly Prefix[]): bigint[] =>
  members
    .flatMap((member) => [toBig(member.words), lastOf(member)])
    .flatMap((address) => [address - 1n, address, address + 1n])
    .filter((address) => address >= 0n && address < 1n << BigInt(bitsOf(family)));

describe.each([4, 6] as const)('IPv%i sets', (family) => {
  const check = (run: (a: Prefix[], b: Prefix[]) => void) =>
    fc.assert(fc.property(prefixes(family), prefixes(family), run), { numRuns: 300, seed: 20261121 });

  it('are canonical and round-trip through text', () => {
    check((a) => {
      const set = build(family, a);
      expect([firstDisorder(set), firstInvalid(set)]).toEqual([-1, -1]);
      expect(new Set(prefixTexts(set))).toEqual(new Set(a.map(formatPrefix)));
      // IPv4-mapped prefixes have a text form, which the parser refuses on purpose; the generator never makes one.
      expect([...prefixTexts(set)].map((text) => formatPrefix(parsePrefix(text)))).toEqual([...prefixTexts(set)]);
    });
  });

  it('unite and differ as sets of texts do', () => {
    check((a, b) => {
      const [left, right] = [build(family, a), build(family, b)];
      const [texts, others] = [new Set(a.map(formatPrefix)), new Set(b.map(formatPrefix))];
      expect(new Set(prefixTexts(union(left, right)))).toEqual(texts.union(others));
      const change = diff(left, right);
      expect(new Set(prefixTexts(change.added))).toEqual(others.difference(texts));
      expect(new Set(prefixTexts(change.removed))).toEqual(texts.difference(others));
      expect(samePrefixes(applyDiff(left, change), right)).toBe(true);
    });
  });

  it('aggregate to the fewest prefixes over the same addresses', () => {
    check((a) => {
      const aggregated = aggregate(build(family, a));
      const members = membersOf(aggregated);
      for (const address of borders(family, [...a, ...members])) {
        expect(covers(members, address)).toBe(covers(a, address));
      }
      // Minimal: no two overlap, and no two halves of one block both stand there.
      const texts = new Set(prefixTexts(aggregated));
      for (const [index, member] of members.entries()) {
        if (index > 0) expect(toBig(member.words)).toBeGreaterThan(lastOf(members[index - 1]!));
        if (member.length === 0) continue;
        const sibling = toBig(member.words) ^ (1n << BigInt(bitsOf(family) - member.length));
        expect(texts.has(formatPrefix({ ...member, words: toWords(family, sibling) }))).toBe(false);
      }
    });
  });

  it('become disjoint ranges and back', () => {
    check((a) => {
      const set = build(family, a);
      const ranges = rangesOf(set);
      expect(rangesOf(prefixesOfRanges(ranges))).toEqual(ranges);
      const stride = wordsOf(family);
      for (let index = 1; index < ranges.size; index++) {
        const start = toBig(ranges.starts.subarray(index * stride, (index + 1) * stride));
        const end = toBig(ranges.ends.subarray((index - 1) * stride, index * stride));
        expect(start).toBeGreaterThan(end + 1n);
      }
    });
  });

  it('match as a linear search does', () => {
    check((a, b) => {
      const set = build(family, a);
      const ipv4 = family === 4 ? new Ipv4Matcher(set) : null;
      const ipv6 = family === 6 ? new Ipv6Matcher(set) : null;
      for (const address of borders(family, [...a, ...b])) {
        const words = toWords(family, address);
        expect(ipv4 ? ipv4.has(words[0]!) : ipv6!.has(words)).toBe(covers(a, address));
      }
    });
  });
});
