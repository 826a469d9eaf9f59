import { describe, expect, it } from 'vitest';
import {
  aggregate,
  canonicalPrefixSet,
  diff,
  emptyPrefixSet,
  firstDisorder,
  firstInvalid,
  Ipv4Matcher,
  Ipv6Matcher,
  PrefixSetBuilder,
  parseAddress,
  parseIpSet,
  parsePrefix,
  prefixAt,
  prefixTexts,
  rangesOf,
  samePrefixes,
} from './index.js';

describe('parseIpSet', () => {
  it('sorts each family and keeps prefixes that contain one another', () => {
    const set = parseIpSet(['203.0.113.0/24', '2001:db8::/32', '203.0.112.0/20', '198.51.100.7', '::1']);
    expect([...prefixTexts(set.ipv4)]).toEqual(['198.51.100.7/32', '203.0.112.0/20', '203.0.113.0/24']);
    expect([...prefixTexts(set.ipv6)]).toEqual(['::1/128', '2001:db8::/32']);
  });

  it('names the index of what it refuses', () => {
    expect(() => parseIpSet(['192.0.2.0/24', 'nonsense'])).toThrow('entry 1: "nonsense" is refused');
  });

  it('refuses a duplicate in any spelling, or drops it if told', () => {
    const texts = ['2001:db8::/32', '2001:DB8:0::/32', '192.0.2.1/32', '192.0.2.1'];
    expect(() => parseIpSet(texts)).toThrow(expect.objectContaining({ code: 'DUPLICATE', index: 1 }));
    const set = parseIpSet(texts, { duplicates: 'drop' });
    expect([set.ipv4.size, set.ipv6.size]).toEqual([1, 1]);
  });

  it('stops at the limit', () => {
    const texts = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
    expect(() => parseIpSet(texts, { entriesMax: 2 })).toThrow(
      expect.objectContaining({ code: 'TOO_MANY', index: 2, expected: 'at most 2 entries' }),
    );
    expect(parseIpSet(texts, { entriesMax: 3 }).ipv4.size).toBe(3);
  });
});

describe('PrefixSetBuilder', () => {
  it('refuses a prefix of the other family', () => {
    const builder = new PrefixSetBuilder(4);
    expect(() => builder.add(parsePrefix('2001:db8::/32'))).toThrow(expect.objectContaining({ code: 'FAMILY' }));
  });

  it('starts from no capacity', () => {
    const builder = new PrefixSetBuilder(6, 0);
    builder.add(parsePrefix('2001:db8::/32'));
    expect([...prefixTexts(builder.build())]).toEqual(['2001:db8::/32']);
  });
});

describe('canonicalPrefixSet', () => {
  it('leaves ordered input alone and finds disorder and host bits', () => {
    const words = Uint32Array.of(0x0a000000, 0x0b000000);
    const set = canonicalPrefixSet(4, words, Uint8Array.of(8, 8));
    expect(set.words).toBe(words);
    expect([firstDisorder(set), firstInvalid(set)]).toEqual([-1, -1]);
    expect(firstDisorder({ ...set, words: Uint32Array.of(0x0b000000, 0x0a000000) })).toBe(1);
    expect(firstInvalid({ ...set, lengths: Uint8Array.of(8, 7) })).toBe(1);
    expect(firstInvalid({ ...set, lengths: Uint8Array.of(33, 8) })).toBe(0);
  });
});

describe('ranges', () => {
  it('join at the borders of the space without running over', () => {
    const all = parseIpSet(['0.0.0.0/1', '128.0.0.0/1', '255.255.255.255/32']).ipv4;
    expect([...prefixTexts(aggregate(all))]).toEqual(['0.0.0.0/0']);
    const ranges = rangesOf(all);
    expect([ranges.size, ranges.starts[0], ranges.ends[0]]).toEqual([1, 0, 0xffff_ffff]);
    const top = parseIpSet(['ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127', '8000::/1']).ipv6;
    expect([...prefixTexts(aggregate(top))]).toEqual(['8000::/1']);
  });

  it('carry over word borders in IPv6', () => {
    const set = parseIpSet(['2001:db8:0:ffff:ffff:ffff:ffff:ffff', '2001:db8:1::/48']).ipv6;
    expect(rangesOf(set).size).toBe(1);
    expect(aggregate(set).size).toBe(2);
  });
});

describe('diff', () => {
  it('compares prefixes, not addresses', () => {
    const before = parseIpSet(['10.0.0.0/8', '192.0.2.0/24']).ipv4;
    const after = parseIpSet(['10.0.0.0/9', '10.128.0.0/9', '192.0.2.0/24']).ipv4;
    const { added, removed } = diff(before, after);
    expect([...prefixTexts(added)]).toEqual(['10.0.0.0/9', '10.128.0.0/9']);
    expect([...prefixTexts(removed)]).toEqual(['10.0.0.0/8']);
  });
});

describe('matchers', () => {
  it('answer for both ends of a range and its neighbours', () => {
    const set = parseIpSet(['192.0.2.64/26', '192.0.2.128/25', '2001:db8::/33']);
    const ipv4 = new Ipv4Matcher(set.ipv4);
    const word = (text: string) => parseAddress(text).words[0]!;
    expect(['192.0.2.63', '192.0.2.64', '192.0.2.255', '192.0.3.0'].map((text) => ipv4.has(word(text)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    const ipv6 = new Ipv6Matcher(set.ipv6);
    const last = '2001:db8:7fff:ffff:ffff:ffff:ffff:ffff';
    const inside = ['2001:db7:ffff::', '2001:db8::', last, '2001:db8:8000::'].map((text) =>
      ipv6.has(parseAddress(text).words),
    );
    expect(inside).toEqual([false, true, true, false]);
  });

  it('find nothing in an empty set and everything in a whole one', () => {
    expect(new Ipv4Matcher(emptyPrefixSet(4)).has(0)).toBe(false);
    expect(new Ipv6Matcher(emptyPrefixSet(6)).has(new Uint32Array(4))).toBe(false);
    const whole = parseIpSet(['0.0.0.0/0', '::/0']);
    expect(new Ipv4Matcher(whole.ipv4).has(0xffff_ffff)).toBe(true);
    expect(new Ipv6Matcher(whole.ipv6).has(new Uint32Array(4).fill(0xffff_ffff))).toBe(true);
  });

  it('refuse a set of the other family', () => {
    expect(() => new Ipv4Matcher(emptyPrefixSet(6))).toThrow(TypeError);
    expect(() => new Ipv6Matcher(emptyPrefixSet(4))).toThrow(TypeError);
  });
});

describe('samePrefixes', () => {
  it('compares family and members', () => {
    const set = parseIpSet(['192.0.2.0/24']).ipv4;
    expect(samePrefixes(set, parseIpSet(['192.0.2.0/24']).ipv4)).toBe(true);
    expect(samePrefixes(set, parseIpSet(['192.0.2.0/25']).ipv4)).toBe(false);
    expect(samePrefixes(set, parseIpSet(['192.0.3.0/24']).ipv4)).toBe(false);
    expect(samePrefixes(emptyPrefixSet(4), emptyPrefixSet(6))).toBe(false);
    expect(prefixAt(set, 0)).toEqual(parsePrefix('192.0.2.0/24'));
  });
});
