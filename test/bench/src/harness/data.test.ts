import { parseIpSet } from '@higgins/ipdata';
import { describe, expect, it } from 'vitest';
import { realList, syntheticPrefixes } from './data.js';

describe('inputs', () => {
  it('are prefixes without duplicates, the same ones each time', () => {
    const prefixes = syntheticPrefixes(2000);
    expect(parseIpSet(prefixes).ipv4.size).toBe(2000);
    expect(syntheticPrefixes(2000)).toEqual(prefixes);
    expect(syntheticPrefixes(2000, 2)).not.toEqual(prefixes);
  });

  it('are real lists of the examples', () => {
    expect(realList('github', 'ipv4')).toHaveLength(4063);
    expect(realList('amazon', 'ipv6', '2025-08-21')).toHaveLength(1478);
  });
});
