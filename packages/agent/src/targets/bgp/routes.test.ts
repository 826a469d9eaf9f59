import type { LoadBalancer } from '@higgins/balancing';
import { parsePrefix } from '@higgins/ipdata';
import { describe, expect, it } from 'vitest';
import { announcedRoutes } from './announced.js';
import { renderRoutes } from './routes.js';

const route = (prefix: string, ...communities: string[]) => ({ prefix: parsePrefix(prefix), communities });

describe('renderRoutes', () => {
  it('L4-54: has one static protocol per family, with communities, in any order of the routes', () => {
    const routes = [
      route('10.9.9.9', '65000:100', '4200000000:1:2'),
      route('10.8.0.0/24'),
      route('fd09::9', '65000:100'),
    ];
    const text = renderRoutes(routes);
    expect(text.split('\n').slice(1)).toEqual([
      'protocol static higgins4 {',
      '\tipv4;',
      '\troute 10.8.0.0/24 blackhole;',
      '\troute 10.9.9.9/32 blackhole { bgp_community.add((65000, 100)); bgp_large_community.add((4200000000, 1, 2)); };',
      '}',
      'protocol static higgins6 {',
      '\tipv6;',
      '\troute fd09::9/128 blackhole { bgp_community.add((65000, 100)); };',
      '}',
      '',
    ]);
    expect(renderRoutes(routes.toReversed())).toBe(text);
    expect(renderRoutes([...routes, ...routes])).toBe(text);
    expect(renderRoutes([])).toContain('protocol static higgins6 {\n\tipv6;\n}');
  });

  it('refuses what is no community, so that nothing else gets into the file', () => {
    for (const community of ['65536:1', '1', '1:2:3:4', '1:-2', 'a:b', '1:2)); }; protocol', '4294967296:1:2']) {
      expect(() => renderRoutes([route('10.9.9.9', community)])).toThrow(`community "${community}": expected`);
    }
  });
});

describe('announcedRoutes', () => {
  const loadBalancer: LoadBalancer = {
    owner: 'local',
    name: 'web',
    frontEnd: 'core',
    seed: null,
    chainPriority: -100,
    listeners: [],
    pools: [],
    addresses: ['10.9.9.9', 'fd09::/64'],
    announcement: { communities: ['65000:1'] },
  };
  const configuration = { loadBalancers: [loadBalancer, { ...loadBalancer, name: 'quiet', announcement: null }] };

  it('L4-54: announces while the table is verified and somebody serves', () => {
    const routes = announcedRoutes(configuration, { verified: true, serves: () => true });
    expect(routes.map(({ prefix, communities }) => [prefix.family, prefix.length, communities])).toEqual([
      [4, 32, ['65000:1']],
      [6, 64, ['65000:1']],
    ]);
    expect(announcedRoutes(configuration, { verified: false, serves: () => true })).toEqual([]);
    expect(announcedRoutes(configuration, { verified: true, serves: () => false })).toEqual([]);
  });

  it('refuses a range of addresses', () => {
    const ranged = { loadBalancers: [{ ...loadBalancer, addresses: ['10.9.9.1-10.9.9.3'] }] };
    expect(() => announcedRoutes(ranged, { verified: true, serves: () => true })).toThrow('can not be announced');
  });
});
