import { parseIpSet, prefixTexts } from '@higgins/ipdata';
import { describe, expect, it } from 'vitest';
import { encodeContent } from '../content/content.js';
import {
  type ContentFormat,
  countEntries,
  EMPTY_ENTRIES,
  LIST_BYTES_MAX,
  LIST_ENTRIES_MAX,
  type NamedList,
  organisationList,
  parseListEntries,
  platformList,
  SchemaError,
  tombstoneKeepMs,
} from '../index.js';

const FORMATS: readonly ContentFormat[] = ['cbor', 'msgpack', 'json'];

const list: NamedList = {
  owner: 'acme',
  version: 7,
  createdWallMs: 1_789_000_000_000,
  expiry: 'closed',
  entries: parseListEntries([
    '192.0.2.0/24',
    '2001:db8::/32',
    '198.51.100.7',
    'AS64500',
    'as13335',
    'isp:Example  Net',
  ]),
};

const fields = (change: Record<string, unknown>) =>
  new Map<string, unknown>(
    Object.entries({ schema: 1000, owner: 'acme', version: 7, expiry: 'open', ...change }).filter(
      ([, value]) => value !== undefined,
    ),
  );

describe('named list', () => {
  it.each(FORMATS)('BUS-74: round-trips in %s', (format) => {
    const decoded = organisationList.decode(organisationList.encode(list, format), format);
    expect(decoded).toEqual(list);
    expect(countEntries(decoded.entries)).toBe(6);
    expect([...prefixTexts(decoded.entries.ipv4)]).toEqual(['192.0.2.0/24', '198.51.100.7/32']);
    expect(decoded.entries.isps).toEqual(['example net']);
  });

  it.each(FORMATS)('BUS-74: may be empty in %s', (format) => {
    const empty = { ...list, createdWallMs: null, entries: EMPTY_ENTRIES };
    expect(organisationList.decode(organisationList.encode(empty, format), format)).toEqual(empty);
  });

  it('BUS-74: takes 5 bytes for an IPv4 address and 10,000 CIDRs in 50 KB', () => {
    const texts = Array.from({ length: 10_000 }, (_, index) => `10.${index >>> 8}.${index & 255}.1`);
    const encoded = organisationList.encode({ ...list, entries: parseListEntries(texts) });
    expect(encoded.length - organisationList.encode({ ...list, entries: EMPTY_ENTRIES }).length).toBe(50_008);
  });

  it('BUS-74: holds 100,000 entries of all kinds together, and not one more', () => {
    const addresses = Array.from(
      { length: LIST_ENTRIES_MAX - 1 },
      (_, index) => `10.${index >>> 16}.${(index >>> 8) & 255}.${index & 255}`,
    );
    const full = { ...list, entries: parseListEntries([...addresses, 'AS64500']) };
    expect(countEntries(organisationList.decode(organisationList.encode(full)).entries)).toBe(LIST_ENTRIES_MAX);
    const over = { ...full, entries: { ...full.entries, isps: ['one more'] } };
    expect(() => organisationList.encode(over)).toThrow('entries is "100001 entries", expected at most 100000 entries');
  });

  it.each(['open', 'closed', 'hold', 'unset'] as const)('BUS-46: carries the expiry mode %s inside', (expiry) => {
    expect(organisationList.decode(organisationList.encode({ ...list, expiry })).expiry).toBe(expiry);
  });

  it('is one schema on two paths', () => {
    expect(platformList.decode(organisationList.encode(list))).toEqual(list);
    expect(platformList.params(platformList.name({ list: 'threats' }))).toEqual({ list: 'threats' });
    expect(platformList.params(organisationList.name({ org: 'acme', list: 'threats' }))).toBeNull();
    expect(organisationList.params(organisationList.name({ org: 'acme', list: 'x' }, 'canary'))).toEqual({
      org: 'acme',
      list: 'x',
    });
  });
});

describe('a bad list', () => {
  const packed = (...bytes: number[]) => Uint8Array.from(bytes);

  it.each([
    ['no owner', { owner: undefined }, 'MISSING', 'owner', 'undefined'],
    ['an owner that is no text', { owner: 1 }, 'TYPE', 'owner', '1'],
    ['an endless owner', { owner: 'x'.repeat(257) }, 'RANGE', 'owner', `"${'x'.repeat(63)}…"`],
    ['version 0', { version: 0 }, 'RANGE', 'version', '0'],
    ['a fractional version', { version: 1.5 }, 'RANGE', 'version', '1.5'],
    ['a version beyond 2^53', { version: 2 ** 63 }, 'RANGE', 'version', '9223372036854776000'],
    ['an unknown expiry mode', { expiry: 'maybe' }, 'RANGE', 'expiry', '"maybe"'],
    ['no expiry mode', { expiry: undefined }, 'MISSING', 'expiry', 'undefined'],
    ['prefixes as text', { ipv4: '10.0.0.0/8' }, 'TYPE', 'ipv4', '"10.0.0.0/8"'],
    ['host bits', { ipv4: packed(8, 10, 24, 192, 0, 2, 12, 192, 17) }, 'HOST_BITS', 'ipv4[2]', '"192.17.0.0/12"'],
    ['a duplicate', { ipv4: packed(8, 10, 8, 10) }, 'DUPLICATE', 'ipv4[1]', '"10.0.0.0/8"'],
    ['disorder', { ipv6: packed(16, 0x20, 2, 16, 0x20, 1) }, 'ORDER', 'ipv6[1]', '"2001::/16"'],
    ['the wrong family', { ipv4: packed(64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0) }, 'FAMILY', 'ipv4[0]', '"/64"'],
    ['a cut prefix', { ipv6: packed(64, 0x20) }, 'MALFORMED', 'ipv6[0]', '"a cut prefix"'],
    ['AS 0', { asns: [0] }, 'RANGE', 'asns[0]', '0'],
    ['an AS number beyond 32 bits', { asns: [1, 2 ** 32] }, 'RANGE', 'asns[1]', '4294967296'],
    ['AS numbers in disorder', { asns: [2, 1] }, 'ORDER', 'asns[1]', '1'],
    ['an AS number twice', { asns: [2, 2] }, 'DUPLICATE', 'asns[1]', '2'],
    ['a name that is not normalised', { isps: ['Example'] }, 'RANGE', 'isps[0]', '"Example"'],
    ['an empty name', { isps: [''] }, 'RANGE', 'isps[0]', '""'],
    ['names in disorder', { isps: ['b', 'a'] }, 'ORDER', 'isps[1]', '"a"'],
    ['a name twice', { isps: ['a', 'a'] }, 'DUPLICATE', 'isps[1]', '"a"'],
    ['a newer major version', { schema: 2000 }, 'SCHEMA_VERSION', 'schema', '2000'],
    ['no schema version', { schema: undefined }, 'MISSING', 'schema', 'undefined'],
  ] as const)('BUS-18: %s is refused, naming field, value and expectation', (_, change, code, field, value) => {
    const refused = (error: unknown) => {
      expect(error).toBeInstanceOf(SchemaError);
      const { expected, message } = error as SchemaError;
      expect(error).toMatchObject({ code, field, value });
      expect(message).toBe(`${field} is ${value}, expected ${expected}`);
      expect(expected).not.toBe('');
    };
    for (const format of ['cbor', 'msgpack'] as const) {
      expect.assertions(8);
      try {
        organisationList.decode(encodeContent(fields(change), format), format);
      } catch (error) {
        refused(error);
      }
    }
  });

  it('BUS-18: more prefixes than a list may hold are refused before any is kept', () => {
    const zeros = new Uint8Array(LIST_ENTRIES_MAX + 1);
    expect(() => organisationList.decode(encodeContent(fields({ ipv4: zeros }), 'cbor'))).toThrow(
      'ipv4 is "more than 100000 prefixes", expected at most 100000 entries',
    );
  });

  it('BUS-88: an oversize object is refused with the limit in the message', () => {
    expect(() => organisationList.decode(new Uint8Array(LIST_BYTES_MAX + 1))).toThrow(
      'payload is "4194305 bytes", expected at most 4194304 bytes',
    );
  });

  it('BUS-18: is refused in JSON, too', () => {
    const decode = (change: Record<string, unknown>) =>
      organisationList.decode(encodeContent(fields(change), 'json'), 'json');
    expect(() => decode({ ipv4: ['10.0.0.1/8'] })).toThrow(
      'ipv4[0] is "10.0.0.1/8", expected no bits behind the prefix length, such as 10.0.0.0/8',
    );
    expect(() => decode({ ipv4: ['10.0.0.0/8', 7] })).toThrow('ipv4[1] is 7, expected a prefix in text form');
    expect(() => decode({ ipv6: ['2001:db8::/32', '10.0.0.0/8'] })).toThrow(
      'ipv6 is "10.0.0.0/8", expected IPv6 prefixes only',
    );
    expect(() => decode({ ipv6: ['::1', '::1/128'] })).toThrow(expect.objectContaining({ code: 'DUPLICATE' }));
  });

  it('BUS-18: is refused at the publisher', () => {
    const refuse = (change: Partial<NamedList>, message: string) =>
      expect(() => organisationList.encode({ ...list, ...change })).toThrow(message);
    refuse({ owner: '' }, 'owner is "", expected text of 1 to 256 characters');
    refuse({ version: 0 }, 'version is 0, expected an integer from 1 to 9007199254740991');
    const ipv6 = parseIpSet(['2001:db8::/32']).ipv6;
    refuse({ entries: { ...EMPTY_ENTRIES, ipv4: ipv6 } }, 'ipv4 is "an IPv6 set", expected IPv4 prefixes only');
    const twice = { family: 4, size: 2, words: Uint32Array.of(0, 0), lengths: Uint8Array.of(8, 8) } as const;
    refuse({ entries: { ...EMPTY_ENTRIES, ipv4: twice } }, 'ipv4[1] is "0.0.0.0/8", expected each prefix once');
  });
});

describe('schema versions', () => {
  it('are read up to the next major one, with fields that nobody knows yet', () => {
    const newer = fields({ schema: 1017, colour: new Map([['deep', [1]]]) });
    expect(organisationList.decode(encodeContent(newer, 'cbor')).owner).toBe('acme');
  });
});

describe('tombstone', () => {
  it.each(FORMATS)('BUS-21: is an explicit state in %s', (format) => {
    const tombstone = { version: 8, deletedWallMs: 1_789_000_000_000 };
    const bytes = organisationList.encodeTombstone(tombstone, format);
    expect(organisationList.decodeState(bytes, format)).toEqual({ deleted: true, tombstone });
    expect(() => organisationList.decode(bytes, format)).toThrow(expect.objectContaining({ code: 'DELETED' }));
    const value = organisationList.decodeState(organisationList.encode(list, format), format);
    expect(value).toEqual({ deleted: false, value: list });
  });

  it('BUS-21: outlives every copy of the value', () => {
    expect(tombstoneKeepMs(organisationList)).toBe(2 * organisationList.ttlMsMax);
  });
});

describe('parseListEntries', () => {
  it.each([
    [['10.0.0.0/8', '10.0.0.1/8'], 'entries[1] is "10.0.0.1/8", expected no bits behind'],
    [['10.0.0.0/8', 'AS1', '10.0.0.0/8'], 'entries[2] is "10.0.0.0/8", expected a prefix that is not in the list yet'],
    [['AS1', 'as1'], 'entries[1] is "as1", expected an entry that does not stand at 0 already'],
    [['AS0'], 'entries[0] is "AS0"'],
    [['AS4294967295'], 'entries[0] is 4294967295, expected an AS number from 1 to 4294967294'],
    [['isp: '], 'entries[0] is "isp: "'],
    [['isp:A b', 'isp:a  B'], 'entries[1] is "isp:a  B"'],
    [['example.org'], 'entries[0] is "example.org"'],
    [new Array(LIST_ENTRIES_MAX + 1).fill('::1'), 'entries is "100001 entries", expected at most 100000 entries'],
  ])('BUS-18: names what it refuses (%#)', (texts, message) => {
    expect(() => parseListEntries(texts)).toThrow(message);
  });
});
