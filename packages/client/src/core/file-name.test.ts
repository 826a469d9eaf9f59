import { fullTrackName, trackNamespace } from '@higgins/protocol';
import { assertDiskName } from '@higgins/runtime';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trackFileName } from './file-name.js';

const text = new TextEncoder();
const nameOf = (fields: readonly Uint8Array[], name: Uint8Array) => fullTrackName(trackNamespace(fields), name);

describe('trackFileName', () => {
  it('is readable for common names', () => {
    const fields = ['org', 'acme', 'lists', 'Cloud 1'].map((field) => text.encode(field));
    expect(trackFileName(nameOf(fields, text.encode('current')))).toBe('org+acme+lists+%43loud%201+current');
  });

  it('is a valid name, and distinct for distinct tracks, ignoring case', () => {
    const names = fc
      .tuple(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 90 }), { maxLength: 5 }),
        fc.uint8Array({ maxLength: 90 }),
      )
      .map(([fields, name]) => nameOf(fields, name));
    fc.assert(
      fc.property(names, names, (a, b) => {
        fc.pre(a.key !== '0|' && b.key !== '0|' && trackFileName(a) !== '');
        assertDiskName(trackFileName(a));
        expect(trackFileName(a).toLowerCase() === trackFileName(b).toLowerCase()).toBe(a.key === b.key);
      }),
      { seed: 1 },
    );
  });
});
