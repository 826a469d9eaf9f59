import { parseIpSet, prefixTexts } from '@higgins/ipdata';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SchemaError } from '../errors.js';
import { decodePackedPrefixes, encodePackedPrefixes } from './packed-prefixes.js';

const ENTRIES_MAX = 1000;

describe('packed prefixes', () => {
  it('are a length and the address cut to whole bytes', () => {
    const set = parseIpSet(['0.0.0.0/0', '10.0.0.0/9', '192.0.2.1', '2001:db8::/33', '::1']);
    expect([...encodePackedPrefixes(set.ipv4)]).toEqual([0, 9, 10, 0, 32, 192, 0, 2, 1]);
    expect([...encodePackedPrefixes(set.ipv6)]).toEqual([
      ...[128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      ...[33, 0x20, 0x01, 0x0d, 0xb8, 0],
    ]);
  });

  it('round-trip', () => {
    const prefix = fc.oneof(
      fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
      fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })),
    );
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 50 }), (pairs) => {
        const set = parseIpSet(
          pairs.map(networkOf).filter((text) => text !== null),
          { duplicates: 'drop' },
        );
        for (const [family, prefixes] of [[4, set.ipv4] as const, [6, set.ipv6] as const]) {
          const decoded = decodePackedPrefixes(encodePackedPrefixes(prefixes), family, 'f', ENTRIES_MAX);
          expect([...prefixTexts(decoded)]).toEqual([...prefixTexts(prefixes)]);
        }
      }),
      { numRuns: 200, seed: 4 },
    );
  });

  it.each([
    ['host bits', 4, [24, 192, 0, 2, 23, 10, 0, 1], 'HOST_BITS', 'ipv4[1]', '"10.0.1.0/23"'],
    ['the same prefix twice', 4, [8, 10, 8, 10], 'DUPLICATE', 'ipv4[1]', '"10.0.0.0/8"'],
    ['the wrong order', 4, [8, 11, 8, 10], 'ORDER', 'ipv4[1]', '"10.0.0.0/8"'],
    ['the wrong order of lengths', 4, [9, 10, 0, 8, 10], 'ORDER', 'ipv4[1]', '"10.0.0.0/8"'],
    ['IPv6 among IPv4', 4, [33, 0x20, 0x01, 0x0d, 0xb8, 0], 'FAMILY', 'ipv4[0]', '"/33"'],
    ['a length beyond IPv6', 6, [129, ...new Array(17).fill(0)], 'FAMILY', 'ipv6[0]', '"/129"'],
    ['a cut prefix', 4, [8, 10, 24, 192, 0], 'MALFORMED', 'ipv4[1]', '"a cut prefix"'],
    ['host bits in IPv6', 6, [33, 0x20, 0x01, 0x0d, 0xb8, 1], 'HOST_BITS', 'ipv6[0]', '"2001:db8:100::/33"'],
  ] as const)('BUS-18: %s is refused', (_, family, bytes, code, field, value) => {
    const read = () => decodePackedPrefixes(Uint8Array.from(bytes), family, `ipv${family}`, ENTRIES_MAX);
    expect(read).toThrow(expect.objectContaining({ name: 'SchemaError', field, value }));
    expect(read).toThrow(expect.objectContaining({ code }));
  });

  it('BUS-18: one prefix too many is refused before any is kept', () => {
    const bytes = encodePackedPrefixes(parseIpSet(['10.0.0.0/8', '11.0.0.0/8', '12.0.0.0/8']).ipv4);
    expect(decodePackedPrefixes(bytes, 4, 'ipv4', 3).size).toBe(3);
    expect(() => decodePackedPrefixes(bytes, 4, 'ipv4', 2)).toThrow(
      'ipv4 is "more than 2 prefixes", expected at most 2',
    );
  });

  it('BUS-18: any bytes are read or refused, and what is read is written back the same', () => {
    fc.assert(
      fc.property(fc.constantFrom(4 as const, 6 as const), fc.uint8Array({ maxLength: 60 }), (family, bytes) => {
        try {
          expect(encodePackedPrefixes(decodePackedPrefixes(bytes, family, 'f', ENTRIES_MAX))).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(SchemaError);
        }
      }),
      { numRuns: 3000, seed: 5 },
    );
  });
});

// The prefix with its host bits zeroed by means other than the code under test; null for IPv4-mapped addresses.
function networkOf([address, length]: [string, number]): string | null {
  const family = address.includes(':') ? 6 : 4;
  try {
    const words = parseIpSet([address])[family === 4 ? 'ipv4' : 'ipv6'].words;
    const bits = [...words].map((word) => word.toString(2).padStart(32, '0')).join('');
    const kept = bits.slice(0, length).padEnd(bits.length, '0');
    const groups = kept.match(family === 4 ? /.{8}/g : /.{16}/g)!.map((group) => Number.parseInt(group, 2));
    const text = family === 4 ? groups.join('.') : groups.map((group) => group.toString(16)).join(':');
    return parseIpSet([`${text}/${length}`]) && `${text}/${length}`;
  } catch {
    return null;
  }
}
