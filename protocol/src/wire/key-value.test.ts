import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodeError, SessionError, SessionTerminationCode } from '../errors.js';
import { canonical, VI64_MAX } from '../model/vi64.js';
import { carriesBytes, type KeyValuePair, readKeyValuePairs, writeKeyValuePairs } from './key-value.js';
import { Writer } from './writer.js';

describe('key-value pairs', () => {
  it('writes types as deltas, integers bare and byte strings with a length', () => {
    const pairs: KeyValuePair[] = [
      { type: 4, value: 2_186_796_243 },
      { type: 77, value: fromHex('cafe') },
      { type: 77, value: fromHex('') },
    ];
    expect(toHex(encode(pairs))).toBe('04' + 'f08257dcd3' + '4902cafe' + '0000');
    expect(readKeyValuePairs(encode(pairs))).toEqual(pairs);
  });

  it('sorts pairs by type and keeps the order of those of one type', () => {
    const pairs: KeyValuePair[] = [
      { type: 3, value: Uint8Array.of(2) },
      { type: 2, value: 1 },
      { type: 3, value: Uint8Array.of(1) },
    ];
    expect(toHex(encode(pairs))).toBe('0201' + '010102' + '000101');
  });

  it.each([
    ['a type above 2^64 - 1', 'ffffffffffffffffff01aa0100', SessionTerminationCode.PROTOCOL_VIOLATION],
    ['a value of 65,536 bytes', '01c10000', SessionTerminationCode.PROTOCOL_VIOLATION],
    ['a missing value', '02', SessionTerminationCode.KEY_VALUE_FORMATTING_ERROR],
    ['a missing length', '01', SessionTerminationCode.KEY_VALUE_FORMATTING_ERROR],
    ['a value cut short', '0103aabb', SessionTerminationCode.KEY_VALUE_FORMATTING_ERROR],
    ['a delta cut short', '02010080', SessionTerminationCode.KEY_VALUE_FORMATTING_ERROR],
  ])('refuses %s with the code of the draft', (_what, hex, code) => {
    expect(codeOf(() => readKeyValuePairs(fromHex(hex)))).toBe(code);
  });

  it('refuses to write values that do not suit their type', () => {
    expect(() => encode([{ type: 3, value: 1 }])).toThrow(EncodeError);
    expect(() => encode([{ type: 2, value: new Uint8Array(1) }])).toThrow(EncodeError);
    expect(() => encode([{ type: 3, value: new Uint8Array(65_536) }])).toThrow(EncodeError);
  });

  it('BUS-68: round-trips pairs of any type up to 2^64 - 1', () => {
    const type = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(canonical);
    const pair = type.chain((key) =>
      (carriesBytes(key) ? fc.uint8Array({ maxLength: 20 }) : type).map((value) => ({ type: key, value })),
    );
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 8 }), (pairs) => {
        const sorted = [...pairs].sort((a, b) => (a.type === b.type ? 0 : a.type < b.type ? -1 : 1));
        expect(readKeyValuePairs(encode(pairs))).toEqual(sorted);
      }),
      { seed: 18, numRuns: 500 },
    );
  });

  it('BUS-68: accepts the largest type', () => {
    expect(readKeyValuePairs(encode([{ type: VI64_MAX, value: Uint8Array.of(7) }]))[0]?.type).toBe(VI64_MAX);
  });
});

function encode(pairs: readonly KeyValuePair[]): Uint8Array {
  const writer = new Writer(1);
  writeKeyValuePairs(writer, pairs);
  return writer.finish();
}

function codeOf(run: () => unknown): number | null {
  try {
    run();
  } catch (error) {
    if (error instanceof SessionError) return error.code;
    throw error;
  }
  return null;
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
