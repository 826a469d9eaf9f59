import { describe, expect, it } from 'vitest';
import { copyBytes } from './copy.js';

describe('copies', () => {
  it.each([Uint8Array.of(1, 2, 3, 4), Buffer.from([1, 2, 3, 4]), Uint8Array.of(0, 1, 2, 3, 4).subarray(1)])(
    'share no memory with %j and are plain',
    (lent) => {
      const copy = copyBytes(lent, 1, 3);
      lent.fill(9);
      expect(copy).toEqual(Uint8Array.of(2, 3));
      expect(copy.buffer).not.toBe(lent.buffer);
      expect(copyBytes(lent, 2, 2).length).toBe(0);
    },
  );
});
