import { describe, expect, it } from 'vitest';
import type { Enforcement } from './model.js';
import { renderStructure } from './render.js';

const GUARDED: Enforcement = {
  ...{ id: 'guard', hook: 'prerouting', priority: -150, interfaces: ['eth0'], match: 'source' },
  ...{ action: 'allow', refusal: 'reject', initialExpiry: 'closed' },
  ports: { tcp: [80, 443], udp: [443] },
};

describe('renderStructure', () => {
  it('judges every packet to the ports where no destination is named', () => {
    expect(jumps(GUARDED)).toEqual([
      'iifname { "eth0" } tcp dport { 80, 443 } jump guard_guard',
      'iifname { "eth0" } udp dport { 443 } jump guard_guard',
    ]);
    expect(jumps({ ...GUARDED, interfaces: [], ports: { tcp: [], udp: [] } })).toEqual(['jump guard_guard']);
  });

  it('LOB-74, LOB-75: judges only packets to destinations that are named, each family with its own', () => {
    const destinations = ['192.0.2.1', '198.51.100.0/24', '2001:db8::1-2001:db8::9'];
    expect(jumps({ ...GUARDED, interfaces: [], ports: { tcp: [80], udp: [] }, destinations })).toEqual([
      'ip daddr { 192.0.2.1, 198.51.100.0/24 } tcp dport { 80 } jump guard_guard',
      'ip6 daddr { 2001:db8::1-2001:db8::9 } tcp dport { 80 } jump guard_guard',
    ]);
    expect(jumps({ ...GUARDED, interfaces: [], ports: { tcp: [80], udp: [] }, destinations: 'local' })).toEqual([
      'fib daddr type local tcp dport { 80 } jump guard_guard',
    ]);
  });
});

/** What leads packets to the list. */
function jumps(enforcement: Enforcement): string[] {
  const structure = { table: 't', enforcements: [enforcement], relays: { ipv4: [], ipv6: [] } };
  const lines = renderStructure(structure, { chains: [], sets: [], maps: [] }, 'x').split('\n');
  const prefix = 'add rule inet t HOOK_prerouting_minus_150 ';
  return lines
    .filter((line) => line.startsWith(prefix) && line.includes('jump'))
    .map((line) => line.slice(prefix.length));
}
