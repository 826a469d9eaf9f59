import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SchemaError } from '../errors.js';
import type { ContentFormat } from '../signal.js';
import { decodeContent, encodeContent } from './content.js';

const FORMATS: readonly ContentFormat[] = ['cbor', 'msgpack', 'json'];
const BYTES_MAX = 1 << 20;
const hex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const bytes = (text: string) => new TextEncoder().encode(text);

const leaf = (format: ContentFormat) =>
  fc.oneof(
    fc.string(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
    ...(format === 'json' ? [] : [fc.uint8Array({ maxLength: 300 })]),
  );
const content = (format: ContentFormat) =>
  fc
    .array(fc.tuple(fc.string(), fc.oneof(leaf(format), fc.array(leaf(format), { maxLength: 20 }))), { maxLength: 20 })
    .map((pairs) => new Map<string, unknown>(pairs));

// Large integers come back as bigints from some decoders; readers of fields accept both.
const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return [...value].map(([key, item]) => [key, plain(item)]);
  return value instanceof Uint8Array ? [...value] : value;
};

describe.each(FORMATS)('%s', (format) => {
  it('BUS-17: round-trips plain data', () => {
    fc.assert(
      fc.property(content(format), (value) => {
        const decoded = decodeContent(encodeContent(value, format), format, BYTES_MAX);
        // JSON puts keys that look like integers first.
        expect(new Map(plain(decoded) as [string, unknown][])).toEqual(new Map(plain(value) as [string, unknown][]));
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  it('BUS-17: refuses or reads any bytes, and throws nothing but SchemaError', () => {
    const start = { cbor: [0xa1, 0xbf, 0xd9], msgpack: [0x81, 0xdf, 0xc9], json: [0x7b, 0x5b, 0x22] }[format];
    fc.assert(
      fc.property(fc.constantFrom(...start), fc.uint8Array({ maxLength: 200 }), (first, rest) => {
        attempt(Uint8Array.of(first, ...rest), format);
      }),
      { numRuns: 2000, seed: 3 },
    );
  });

  it('BUS-17: refuses or reads every cut and every flipped byte of a payload', () => {
    const value = new Map<string, unknown>([
      ['text', 'é'],
      ['number', 2 ** 40],
      ['list', [1, -1, 1.5, null, true]],
      ['map', new Map([['inner', 'x']])],
    ]);
    const encoded = encodeContent(value, format);
    for (let end = 0; end < encoded.length; end++) {
      expect(() => decodeContent(encoded.subarray(0, end), format, BYTES_MAX)).toThrow(SchemaError);
    }
    for (let at = 0; at < encoded.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = encoded.slice();
        flipped[at]! ^= 1 << bit;
        attempt(flipped, format);
      }
    }
  });

  it('BUS-17: refuses an oversize payload before it reads it', () => {
    expect(() => decodeContent(new Uint8Array(BYTES_MAX + 1), format, BYTES_MAX)).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE', value: '"1048577 bytes"', expected: 'at most 1048576 bytes' }),
    );
  });

  it('BUS-17: refuses 100,000 levels of nesting, and takes eight', () => {
    expect(() => decodeContent(nested(format, 100_000), format, BYTES_MAX)).toThrow(
      expect.objectContaining({ code: 'TOO_DEEP', expected: 'nesting of at most 8' }),
    );
    expect(() => decodeContent(nested(format, 9), format, BYTES_MAX)).toThrow(
      expect.objectContaining({ code: 'TOO_DEEP' }),
    );
    // Eight arrays are well-formed, but no map.
    expect(() => decodeContent(nested(format, 8), format, BYTES_MAX)).toThrow(
      expect.objectContaining({ code: 'TYPE' }),
    );
  });

  it('BUS-17: refuses more items than a payload may have', () => {
    const items = encodeContent(new Map([['items', new Array(500_001).fill(1)]]), format);
    expect(() => decodeContent(items, format, 4 << 20)).toThrow(expect.objectContaining({ code: 'TOO_MANY' }));
  });

  it('refuses a key that stands twice in a map', () => {
    const twice = { cbor: hex('a2616101616102'), msgpack: hex('82a16101a16102'), json: bytes('{"a":1,"a":2}') }[format];
    expect(() => decodeContent(twice, format, BYTES_MAX)).toThrow(expect.objectContaining({ code: 'DUPLICATE' }));
  });

  it('keeps a key named __proto__ away from prototypes', () => {
    const encoded = encodeContent(new Map([['__proto__', 'x']]), format);
    expect([...decodeContent(encoded, format, BYTES_MAX)]).toEqual([['__proto__', 'x']]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('does not touch the array that it reads', () => {
    const encoded = encodeContent(new Map([['a', 1]]), format);
    decodeContent(encoded, format, BYTES_MAX);
    expect(Object.keys(encoded).filter((key) => Number.isNaN(Number(key)))).toEqual([]);
  });
});

describe('what payloads do not use', () => {
  it.each([
    ['an indefinite map', 'cbor', 'bf616101ff'],
    ['an indefinite text', 'cbor', 'a161617f6161ff'],
    ['an indefinite array', 'cbor', 'a161619f01ff'],
    ['a tag', 'cbor', 'a16161c11a514b67b0'],
    ['a record definition', 'cbor', 'd9dfff831900e0816161a0'],
    ['a number as key', 'cbor', 'a10101'],
    ['undefined', 'cbor', 'a16161f7'],
    ['a simple value', 'cbor', 'a16161f8ff'],
    ['a reserved length', 'cbor', 'a161611c'],
    ['a second value', 'cbor', 'a0a0'],
    ['a map that claims 2^32 pairs', 'cbor', 'ba00ffffffff'],
    ['an array that claims 2^64 items', 'cbor', '9bffffffffffffffff'],
    ['a text that claims 2^63 bytes', 'cbor', 'a17b8000000000000000'],
    ['an extension', 'msgpack', '81a161d40100'],
    ['a timestamp', 'msgpack', '81a161d6ff00000000'],
    ['a large extension', 'msgpack', '81a161c9000000010000'],
    ['the reserved type', 'msgpack', '81a161c1'],
    ['a number as key', 'msgpack', '810101'],
    ['a second value', 'msgpack', '8080'],
    ['an array that claims 2^32 items', 'msgpack', '81a161ddffffffff'],
    ['a map that claims 2^32 pairs', 'msgpack', 'dfffffffff'],
    ['a comment', 'json', '7b2f2a2a2f7d'],
    ['a second value', 'json', '7b7d7b7d'],
    ['text that is not UTF-8', 'json', '7b22ff223a317d'],
  ] as const)('%s is refused in %s', (_, format, payload) => {
    expect(() => decodeContent(hex(payload), format, BYTES_MAX)).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
  });
});

function attempt(payload: Uint8Array, format: ContentFormat): void {
  try {
    expect(decodeContent(payload, format, BYTES_MAX)).toBeInstanceOf(Map);
  } catch (error) {
    expect(error).toBeInstanceOf(SchemaError);
  }
}

function nested(format: ContentFormat, depth: number): Uint8Array {
  if (format === 'json') return bytes(`${'['.repeat(depth)}${']'.repeat(depth)}`);
  // Arrays of one element, the innermost empty.
  const [one, none] = format === 'cbor' ? [0x81, 0x80] : [0x91, 0x90];
  return new Uint8Array(depth).fill(one!, 0, depth - 1).fill(none!, depth - 1);
}
