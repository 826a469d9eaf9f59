import { describe, expect, it } from 'vitest';
import type { ContentFormat } from '../signal.js';
import { gatewayConfiguration } from './gateway-configuration.js';
import { type NodePools, nodePools } from './node-pools.js';

const FORMATS: readonly ContentFormat[] = ['cbor', 'msgpack', 'json'];

const pools: NodePools = {
  pools: [
    {
      name: 'web',
      family: 4,
      serving: 'normal',
      members: [
        {
          ...{ name: 'a', address: '192.0.2.1', port: 443, status: 'active', reason: null },
          ...{ sinceWallMs: 1_789_000_000_000, restoreWallMs: null },
        },
        {
          ...{ name: 'b', address: '192.0.2.2', port: 443, status: 'ejected', reason: 'outlier-detection' },
          ...{ sinceWallMs: 1_789_000_000_000, restoreWallMs: 1_789_000_030_000 },
        },
      ],
    },
    { name: 'empty', family: 6, serving: 'reject', members: [] },
  ],
};

describe('node pools', () => {
  it.each(FORMATS)('L4-49: carries status, reason, ejection and restore time of every member in %s', (format) => {
    expect(nodePools.decode(nodePools.encode(pools, format), format)).toEqual(pools);
  });

  it('writes times inside lists as integers, which strict readers expect', () => {
    // CBOR: an unsigned integer of eight bytes begins with 0x1b, a float with 0xfb.
    const hex = Buffer.from(nodePools.encode(pools)).toString('hex');
    expect(hex).toContain(`${Buffer.from('sinceWallMs').toString('hex')}1b`);
    expect(hex).not.toContain(`${Buffer.from('sinceWallMs').toString('hex')}fb`);
  });

  it('names the member whose field is wrong', () => {
    const [web] = pools.pools;
    const broken = { pools: [{ ...web!, members: [web!.members[0]!, { ...web!.members[1]!, port: 0 }] }] };
    expect(() => nodePools.encode(broken)).toThrow(
      expect.objectContaining({ name: 'SchemaError', field: 'pools[0].members[1].port' }),
    );
    const text = JSON.stringify({ schema: 1000, pools: [7] });
    expect(() => nodePools.decode(Buffer.from(text), 'json')).toThrow(/pools\[0\]/);
  });
});

describe('gateway configuration', () => {
  it.each(FORMATS)('round-trips in %s', (format) => {
    const value = { owner: 'acme', version: 3, createdWallMs: null, configuration: '{"loadBalancers":[]}' };
    expect(gatewayConfiguration.decode(gatewayConfiguration.encode(value, format), format)).toEqual(value);
  });
});
