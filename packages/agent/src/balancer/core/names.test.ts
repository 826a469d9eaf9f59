import { describe, expect, it } from 'vitest';
import { check, configuration, Driver, member, pool } from './driver.fixture.js';

const HOST = 'web.example.org';

function resolved(options: Parameters<typeof member>[1] = {}, addresses = ['10.1.0.1'], ttlMs: number | null = 3_000) {
  const driver = new Driver();
  driver.world.names.set(HOST, { addresses, ttlMs });
  driver.configure(configuration(named(options)));
  return driver.run(100);
}

function named(options: Parameters<typeof member>[1] = {}) {
  return pool([member('a', { host: HOST, ...options })], { activeCheck: null });
}

function address(driver: Driver): string | undefined {
  return driver.service().members.get('a')?.address;
}

describe('names', () => {
  it('LOB-27: asks again after the TTL of the answer, or after the time that is configured', () => {
    const times = (driver: Driver) => driver.resolutions.map(({ atMs }) => atMs);
    expect(times(resolved().run(10_000))).toEqual([0, 3_005, 6_010, 9_015]);
    const resolution = { servers: [], ttlMs: 5_000, members: 'one' } as const;
    expect(times(resolved({ resolution }).run(10_000))).toEqual([0, 5_005, 10_010]);
    expect(times(resolved({}, undefined, 0).run(26_000))).toEqual([0, 25_005]);
    expect(times(resolved({}, undefined, null).run(26_000))).toEqual([0, 25_005]);
    expect(times(resolved({}, undefined, 5).run(2_500))).toEqual([0, 1_005, 2_010]);
  });

  it('LOB-28: keeps the last address for hours without an answer, and tells once that it is stale', () => {
    const driver = resolved();
    driver.world.names.delete(HOST);
    driver.run(6 * 3_600_000);
    expect([address(driver), driver.serving()]).toEqual(['10.1.0.1', 'a']);
    const stale = driver.events.filter(({ kind }) => kind === 'name-stale');
    expect(stale).toMatchObject([{ host: HOST, kept: ['10.1.0.1'], severity: 'warning' }]);
    driver.world.names.set(HOST, { addresses: ['10.1.0.1'], ttlMs: 3_000 });
    driver.run(30_000);
    expect(driver.events.at(-1)).toMatchObject({ kind: 'name-resolved' });
  });

  it('LOB-29: a changed address replaces the old one, and the check follows it', () => {
    const driver = new Driver();
    driver.world.names.set(HOST, { addresses: ['10.1.0.1'], ttlMs: 3_000 });
    const web = pool([member('a', { host: HOST })], { activeCheck: check({ intervalMs: 1_000, timeoutMs: 500 }) });
    driver.configure(configuration(web));
    driver.run(2_000);
    driver.world.names.set(HOST, { addresses: ['10.1.0.2'], ttlMs: 3_000 });
    driver.run(3_000);
    expect([address(driver), driver.serving()]).toEqual(['10.1.0.2', 'a']);
    const checked = driver.checks.length;
    driver.run(5_000);
    expect(new Set(driver.checks.slice(checked + 1).map((each) => each.address))).toEqual(new Set(['10.1.0.2']));
  });

  it('LOB-29: cuts the UDP flows to the old address', () => {
    const driver = new Driver();
    driver.world.names.set(HOST, { addresses: ['10.1.0.1'], ttlMs: 3_000 });
    driver.configure(configuration(named(), { protocol: 'udp', port: 53 }));
    driver.run(1_000);
    driver.world.names.set(HOST, { addresses: ['10.1.0.2'], ttlMs: 3_000 });
    driver.run(3_000);
    expect(driver.cuts).toEqual(['udp a']);
  });

  it('keeps the address that it has while the answer holds it, and takes the lowest else', () => {
    const driver = resolved({}, ['10.1.0.5', '10.1.0.7']);
    expect(address(driver)).toBe('10.1.0.5');
    driver.world.names.set(HOST, { addresses: ['10.1.0.1', '10.1.0.5'], ttlMs: 3_000 });
    driver.run(4_000);
    expect(address(driver)).toBe('10.1.0.5');
    driver.world.names.set(HOST, { addresses: ['10.1.0.1', '10.1.0.7'], ttlMs: 3_000 });
    driver.run(4_000);
    expect(address(driver)).toBe('10.1.0.1');
  });

  it('LOB-30: starts with a name that never resolved, soon tries again, and serves once it resolves', () => {
    const driver = new Driver();
    driver.configure(configuration(pool([member('a', { host: HOST }), member('b')], { activeCheck: null })));
    driver.run(100);
    expect(driver.serving()).toBe('b');
    driver.run(3_000);
    driver.world.names.set(HOST, { addresses: ['10.1.0.1'], ttlMs: 3_000 });
    driver.run(5_000);
    expect(driver.serving()).toBe('a b');
    const times = driver.resolutions.map(({ atMs }) => atMs).slice(0, 3);
    expect(times[1]! - times[0]!).toBeLessThanOrEqual(1_005);
    expect(times[2]! - times[1]!).toBeLessThanOrEqual(2_005);
  });

  it('a name server that hangs holds up the first program for two seconds at most, and no ejection ever', () => {
    const driver = new Driver();
    driver.world.dnsHangs = true;
    const web = pool([member('a', { host: HOST }), member('b'), member('c')], {
      activeCheck: check({ fall: 1, intervalMs: 1_000, timeoutMs: 100 }),
    });
    driver.configure(configuration(web));
    driver.run(1_900);
    expect(driver.programs).toHaveLength(0);
    driver.run(200);
    expect(driver.serving()).toBe('b c');
    driver.world.dead.add('10.0.0.2');
    driver.run(1_500);
    expect(driver.serving()).toBe('c');
  });

  it('LOB-60: every address of a name is a member of its own, and members follow the answer', () => {
    const resolution = { servers: [], ttlMs: null, members: 'all' } as const;
    const all = ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'];
    const driver = resolved({ resolution }, all);
    expect(driver.serving()).toBe('a@10.1.0.1 a@10.1.0.2 a@10.1.0.3 a@10.1.0.4');
    driver.world.names.set(HOST, { addresses: [...all.slice(1), '10.1.0.9'], ttlMs: 3_000 });
    driver.run(4_000);
    expect(driver.serving()).toBe('a@10.1.0.2 a@10.1.0.3 a@10.1.0.4 a@10.1.0.9');
    driver.core.administration.drain({ member: 'a' }, {}, driver.now());
    driver.run(10);
    expect(driver.serving()).toBe('');
  });

  it('LOB-48, L4-28: serves each family with the addresses that it has, and leaves alone what nobody could serve', () => {
    const driver = new Driver();
    driver.world.names.set(HOST, { addresses: ['10.1.0.1', '2001:db8::1'], ttlMs: 3_000 });
    driver.world.names.set('four.example.org', { addresses: ['10.1.0.4'], ttlMs: 3_000 });
    const web = pool([member('a', { host: HOST })], { activeCheck: null });
    const four = pool([member('d', { host: 'four.example.org' })], { name: 'four', activeCheck: null });
    const { loadBalancers } = configuration(web);
    const [shop] = loadBalancers;
    const listeners = [
      shop!.listeners[0]!,
      { ...shop!.listeners[0]!, name: 'four', port: 81, rules: [{ match: null, pool: 'four' }] },
    ];
    driver.configure({ loadBalancers: [{ ...shop!, addresses: [], listeners, pools: [web, four] }] });
    driver.run(100);
    const services = driver.inForce!.services.map(({ family, port, members }) => [
      family,
      port,
      [...members.values()][0]!.address,
    ]);
    expect(services).toEqual([
      [4, 80, '10.1.0.1'],
      [6, 80, '2001:db8::1'],
      [4, 81, '10.1.0.4'],
    ]);
  });
});
