import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StorageError } from '../errors.js';
import { decodeRecord, encodeRecord } from './record.js';

const records = fc.record({
  header: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown),
  blobs: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }),
});

describe('records on disk', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(decodeRecord(encodeRecord(record))).toEqual(record);
      }),
      { seed: 1 },
    );
  });

  it('BUS-37: are refused when torn at any place or changed in any byte', () => {
    const bytes = encodeRecord({ header: { name: 'a' }, blobs: [Uint8Array.of(1, 2, 3), new Uint8Array(0)] });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeRecord(bytes.subarray(0, length))).toThrow(StorageError);
    }
    for (let index = 0; index < bytes.length; index++) {
      const changed = bytes.slice();
      changed[index] = (changed[index] ?? 0) ^ 0x10;
      expect(() => decodeRecord(changed)).toThrow(StorageError);
    }
  });

  it('are refused when longer than they say', () => {
    const bytes = encodeRecord({ header: 1, blobs: [] });
    expect(() => decodeRecord(Uint8Array.of(...bytes, 0))).toThrow(StorageError);
  });
});
