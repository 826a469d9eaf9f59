import { describe, expect, it } from 'vitest';
import {
  checkKey,
  FIVE_TUPLE_KEY,
  type Flow,
  type FlowKey,
  KEY_BYTES_MAX,
  keyExpression,
  SOURCE_KEY,
  writeKey,
} from './flow-key.js';
import { buildMaglev } from './maglev.js';
import { FlowPredictor } from './prediction.js';

const ipv4: Flow = {
  protocol: 'tcp',
  sourceAddress: Uint8Array.of(198, 51, 100, 77),
  destinationAddress: Uint8Array.of(203, 0, 113, 1),
  sourcePort: 0x1234,
  destinationPort: 443,
};
const ipv6: Flow = {
  ...ipv4,
  protocol: 'udp',
  sourceAddress: Uint8Array.from({ length: 16 }, (_, index) => 0x20 + index),
  destinationAddress: Uint8Array.from({ length: 16 }, (_, index) => 0x60 + index),
};
const NETWORK_KEY: FlowKey = {
  fields: ['source-address', 'source-port'],
  sourcePrefixLength: { ipv4: 23, ipv6: 49 },
};

const hex = (key: FlowKey, flow: Flow): string => {
  // Bytes of an earlier, longer key must not show through.
  const target = new Uint8Array(KEY_BYTES_MAX).fill(0xee);
  return Buffer.from(target.subarray(0, writeKey(key, flow, target))).toString('hex');
};

describe('key bytes', () => {
  it('pads every field to four bytes, in network order', () => {
    expect(hex(FIVE_TUPLE_KEY, ipv4)).toBe('c633644d' + 'cb007101' + '06000000' + '12340000' + '01bb0000');
    expect(hex(FIVE_TUPLE_KEY, ipv6)).toBe(
      '202122232425262728292a2b2c2d2e2f' + '606162636465666768696a6b6c6d6e6f' + '11000000' + '12340000' + '01bb0000',
    );
    expect(hex(FIVE_TUPLE_KEY, ipv6).length).toBe(2 * KEY_BYTES_MAX);
  });

  it('does not pad a field that stands alone', () => {
    expect(hex(SOURCE_KEY, ipv4)).toBe('c633644d');
    expect(hex({ fields: ['source-port'] }, ipv4)).toBe('1234');
    expect(hex({ fields: ['protocol'] }, ipv6)).toBe('11');
  });

  it('clears the bits behind the prefix of the source', () => {
    expect(hex(NETWORK_KEY, ipv4)).toBe('c6336400' + '12340000');
    expect(hex(NETWORK_KEY, ipv6)).toBe('20212223242500000000000000000000' + '12340000');
  });

  it.each([
    ['ADDRESS', { ...ipv4, sourceAddress: new Uint8Array(16) }],
    ['ADDRESS', { ...ipv4, sourceAddress: new Uint8Array(5), destinationAddress: new Uint8Array(5) }],
    ['PORT', { ...ipv4, sourcePort: 65_536 }],
    ['PORT', { ...ipv4, destinationPort: -1 }],
    ['PORT', { ...ipv4, destinationPort: 0.5 }],
  ])('refuses a bad flow with %s', (code, flow) => {
    expect(() => hex(FIVE_TUPLE_KEY, flow)).toThrow(expect.objectContaining({ code }));
  });
});

describe('key expressions', () => {
  it('are what nft reads', () => {
    expect([keyExpression(FIVE_TUPLE_KEY, 4), keyExpression(FIVE_TUPLE_KEY, 6)]).toEqual([
      'ip saddr . ip daddr . meta l4proto . th sport . th dport',
      'ip6 saddr . ip6 daddr . meta l4proto . th sport . th dport',
    ]);
    expect([keyExpression(NETWORK_KEY, 4), keyExpression(NETWORK_KEY, 6)]).toEqual([
      'ip saddr & 255.255.254.0 . th sport',
      'ip6 saddr & ffff:ffff:ffff:8000:0:0:0:0 . th sport',
    ]);
  });

  it.each([
    { fields: [] },
    { fields: ['source-port', 'source-port'] },
    { fields: ['source-address'], sourcePrefixLength: { ipv4: 0, ipv6: 64 } },
    { fields: ['source-address'], sourcePrefixLength: { ipv4: 24, ipv6: 129 } },
  ] as const)('are refused for %j', (key) => {
    expect(() => checkKey(key)).toThrow(expect.objectContaining({ code: 'KEY' }));
    expect(() => new FlowPredictor({ kind: 'hash', key, seed: 0, size: 251 })).toThrow();
  });
});

describe('prediction', () => {
  const choice = { kind: 'hash', key: FIVE_TUPLE_KEY, seed: 0x5eed0001, size: 4093 } as const;

  it('gives the same slots in every release', () => {
    const predictor = new FlowPredictor(choice);
    expect([predictor.slotOf(ipv4), predictor.slotOf(ipv6)]).toMatchInlineSnapshot(`
      [
        2340,
        187,
      ]
    `);
  });

  it('names the member of the slot, and nobody if the table is empty', () => {
    const predictor = new FlowPredictor(choice);
    const table = buildMaglev([{ name: 'only', weight: 1 }], { size: 4093, seed: 1 });
    expect(predictor.memberOf(ipv4, table)).toBe('only');
    expect(predictor.memberOf(ipv4, { members: [], slots: new Uint16Array() })).toBe(null);
  });
});
