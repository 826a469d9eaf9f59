import { describe, expect, it } from 'vitest';
import { StreamInput } from './stream-input.js';
import { isSubgroupType, streamRole } from './stream-types.js';

describe('stream input', () => {
  it('copies a body that lies whole in one piece once, and gives nothing away that it was lent', () => {
    const input = new StreamInput();
    const lent = Uint8Array.of(1, 2, 3, 4);
    input.push(lent, false);
    const body = input.body(3);
    lent.fill(9);
    expect(body).toEqual(Uint8Array.of(1, 2, 3));
    expect(body?.buffer.byteLength).toBe(3);
  });

  it('spends no more than twice what has come on a large body that is announced', () => {
    const input = new StreamInput();
    for (let i = 1; i <= 10; i++) {
      input.push(new Uint8Array(20_000), false);
      expect(input.body(4_000_000)).toBeNull();
      expect(input.reservedBytes).toBeLessThanOrEqual(2 * i * 20_000);
    }
    expect(input.reservedBytes).toBeGreaterThanOrEqual(200_000);
  });

  it('refuses to take a piece while the one before is not read', () => {
    const input = new StreamInput();
    input.push(Uint8Array.of(1, 2), false);
    input.body(1);
    expect(() => input.push(Uint8Array.of(3), false)).toThrow('before the last ones were read');
  });

  it('has ended only after its last byte', () => {
    const input = new StreamInput();
    input.push(Uint8Array.of(1), true);
    expect(input.ended).toBe(false);
    input.body(1);
    expect(input.ended).toBe(true);
  });
});

describe('stream types', () => {
  it('BUS-68: knows the types of the draft and no others', () => {
    expect(streamRole(0x05)).toBe('fetch');
    expect(streamRole(0x2f00)).toBe('control');
    expect(streamRole(0x132b3e28)).toBe('padding');
    for (const type of [0x00, 0x04, 0x06, 0x0f, 0x20, 0x80, 0x90, 0x2f01, 2n ** 60n])
      expect(streamRole(type)).toBeNull();
    const subgroups = Array.from({ length: 256 }, (_, type) => type).filter(isSubgroupType);
    const blocks = [0x10, 0x30, 0x50, 0x70].flatMap((base) => Array.from({ length: 16 }, (_, bits) => base + bits));
    expect(subgroups).toEqual(blocks);
    expect(streamRole(0x7d)).toBe('subgroup');
  });
});
