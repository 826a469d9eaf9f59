import { describe, expect, it } from 'vitest';
import { PoolHealth } from '../health/pool-health.js';
import { healthSettings } from '../health/settings.js';
import { healthOptionsOf, poolMemberOf, seedOf } from './compile.js';
import { readConfiguration } from './core-form.js';
import { type Change, changed, coreDocument } from './resources.fixture.js';

function web(...changes: Change[]) {
  const inside = changes.map(([path, value]): Change => [['loadBalancers', 0, ...path], value]);
  const loadBalancer = readConfiguration(changed(coreDocument(), ...inside)).configuration.loadBalancers[0]!;
  return { loadBalancer, pool: loadBalancer.pools[0]! };
}

describe('what pools compile to', () => {
  it('L4-27: the seed is made of owner and name alone, unless one is given', () => {
    const { loadBalancer } = web();
    expect(seedOf(loadBalancer)).toBe(seedOf(web([['pools', 0, 'members', 0, 'weight'], 9]).loadBalancer));
    expect(seedOf(loadBalancer)).not.toBe(seedOf(web([['name'], 'web2']).loadBalancer));
    expect(seedOf(web([['seed'], 7]).loadBalancer)).toBe(7);
  });

  it('members have the thresholds of the pool, their own, or none', () => {
    const { pool } = web(
      [['pools', 0, 'members', 1, 'activeCheck'], { type: 'tcp', fall: 1 }],
      [['pools', 0, 'members', 2, 'activeCheck'], null],
    );
    const members = pool.members.map((member) => poolMemberOf(pool, member));
    expect(members.map(({ active }) => active?.fall ?? active)).toEqual([undefined, 1, null]);
    const health = new PoolHealth(healthSettings(healthOptionsOf(pool)), members, 0);
    for (const { name } of members) health.check(name, false, 1);
    expect(health.report().map(({ status }) => status.state)).toEqual(['active', 'ejected', 'active']);
  });

  it('R4: only another address, port or check makes a member start anew', () => {
    const definition = (...changes: Change[]) => {
      const { pool } = web(...changes);
      return poolMemberOf(pool, pool.members[0]!).definition;
    };
    expect(definition([['pools', 0, 'members', 0, 'weight'], 3])).toBe(definition());
    expect(definition([['pools', 0, 'members', 0, 'host'], '10.0.0.99'])).not.toBe(definition());
    expect(definition([['pools', 0, 'activeCheck', 'rise'], 4])).not.toBe(definition());
    const { pool } = web();
    const one = poolMemberOf(pool, pool.members[2]!, 'c/10.0.0.1', '10.0.0.1');
    expect(one.name).toBe('c/10.0.0.1');
    expect(one.definition).not.toBe(poolMemberOf(pool, pool.members[2]!, 'c/10.0.0.2', '10.0.0.2').definition);
  });
});
