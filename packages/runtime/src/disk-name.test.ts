import { describe, expect, it } from 'vitest';
import { assertDiskName, DiskError } from './disk-name.js';

describe('assertDiskName', () => {
  it.each(['a', 'state/list-1', 'a/b/c.cbor', 'org=acme/lists/203.0.113.0%2F24', 'x'.repeat(200)])(
    'takes %s',
    (name) => {
      expect(() => assertDiskName(name)).not.toThrow();
    },
  );

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    '.hidden',
    'a/.new-1',
    'a\\b',
    'a b',
    'a\0',
    'ü',
    'x'.repeat(201),
  ])('refuses %j', (name) => {
    expect(() => assertDiskName(name)).toThrow(DiskError);
  });

  it('names the file and the segment that is wrong', () => {
    expect(() => assertDiskName('lists/../key')).toThrow(/file name "lists\/..\/key" has the segment ".."/);
  });
});
