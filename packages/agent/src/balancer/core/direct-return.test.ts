import { describe, expect, it } from 'vitest';
import { configuration, Driver, listener, loadBalancer, member, pool } from './driver.fixture.js';
import { reportOf } from './report.js';

const DIRECT = { dataPath: 'dsr-l2', port: 8080 } as const;
const THREE = [member('a'), member('b'), member('c')];
const ABSENT = 'virtual-address-absent: 192.0.2.1 is not there';
const CLAIMED = 'virtual-address-claimed: it answers for 192.0.2.1';

describe('checks of direct server return', () => {
  it('L4-61: nobody serves before it was looked at, and whoever is not set up never does', () => {
    const driver = started();
    expect(driver.programs[0]!.services[0]!.table.slots).toHaveLength(0);
    expect(stateOf(driver, 'a')).toEqual({ state: 'ejected', reason: 'not-checked-yet' });
    driver.world.faults.set('10.0.0.2', ABSENT);
    driver.run(1_200);
    expect(driver.serving()).toBe('a c');
    expect(driver.programs.some(({ services }) => services[0]!.table.members.includes('b'))).toBe(false);
    expect(stateOf(driver, 'b')).toEqual({ state: 'ejected', reason: 'direct-return-failure' });
    expect(told(driver, 'b')).toMatchObject([
      { kind: 'direct-return-failed', listener: 'http', address: '10.0.0.2', reason: ABSENT, severity: 'warning' },
      { kind: 'member', to: 'ejected', reason: `direct-return-failure: ${ABSENT}`, severity: 'warning' },
    ]);
    const [, b] = reportOf(driver.core, driver.now()).pools[0]!.members;
    expect(b!.directReturn).toMatchObject([{ listener: 'http', enforced: true, failure: ABSENT }]);
  });

  it('L4-61: it serves once it is set up, and each other fault on the way there is told once', () => {
    const driver = started();
    driver.world.faults.set('10.0.0.2', ABSENT);
    driver.run(20_000);
    driver.world.faults.set('10.0.0.2', CLAIMED);
    driver.run(20_000);
    driver.world.faults.clear();
    driver.run(6_500);
    expect(driver.serving()).toBe('a b c');
    const kinds = told(driver, 'b').map((event) => ('reason' in event ? `${event.kind} ${event.reason}` : event.kind));
    expect(kinds).toEqual([
      `direct-return-failed ${ABSENT}`,
      `member direct-return-failure: ${ABSENT}`,
      `direct-return-failed ${CLAIMED}`,
      'direct-return-restored',
      'member null',
    ]);
  });

  it('L4-61: a member that serves is taken out by three failures in a row, which come early', () => {
    const driver = started().run(1_200);
    expect(driver.serving()).toBe('a b c');
    driver.world.faults.set('10.0.0.1', ABSENT);
    const before = driver.looks.length;
    while (driver.serving().includes('a')) driver.run(100);
    const looks = driver.looks.slice(before).filter(({ address }) => address === '10.0.0.1');
    expect(looks).toHaveLength(3);
    expect(looks[2]!.atMs - looks[0]!.atMs).toBeLessThan(3_000);
  });

  it('L4-61: one lost look takes nobody out', () => {
    const driver = started().run(1_200);
    driver.world.faults.set('10.0.0.1', ABSENT);
    const before = driver.looks.length;
    while (!driver.looks.slice(before).some(({ address }) => address === '10.0.0.1')) driver.run(50);
    driver.world.faults.clear();
    driver.run(20_000);
    expect(driver.serving()).toBe('a b c');
    expect(driver.events.some(({ kind }) => kind === 'direct-return-failed')).toBe(false);
  });

  it('L4-61: members are looked at every five seconds, with jitter', () => {
    const driver = started().run(600_000);
    const times = driver.looks.filter(({ address }) => address === '10.0.0.3').map(({ atMs }) => atMs);
    const gaps = times.slice(1).map((atMs, index) => atMs - times[index]!);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(4_500);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5_500);
    expect(new Set(gaps).size).toBeGreaterThan(50);
  });

  it('L4-61: when all serve because none is well, those that are not set up still do not', () => {
    const driver = started(pool(THREE, { whenNoneHealthy: 'fail-open' }));
    driver.world.faults.set('10.0.0.2', ABSENT);
    driver.run(1_200);
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) driver.world.dead.add(address);
    driver.run(60_000);
    expect(driver.core.state!.pools.get('acme/shop/web/4')!.rotation(driver.now()).mode).toBe('fail-open');
    expect(driver.serving()).toBe('a c');
  });

  it('L4-61: with "warn" a fault is told and holds nobody back; with "off" nobody looks', () => {
    const warned = started(pool(THREE), { dsrCheck: 'warn' });
    warned.world.faults.set('10.0.0.2', ABSENT);
    warned.run(1_200);
    expect(warned.serving()).toBe('a b c');
    expect(told(warned, 'b')).toMatchObject([{ kind: 'direct-return-failed', reason: ABSENT }]);
    const off = started(pool(THREE), { dsrCheck: 'off' });
    off.run(20_000);
    expect([off.looks, off.serving()]).toEqual([[], 'a b c']);
  });

  it('L4-61: without the right to look, without addresses and with nat nobody is held back', () => {
    const blind = new Driver({ looks: false });
    blind.configure(configuration(pool(THREE), DIRECT));
    const nat = new Driver({ looks: true });
    nat.configure(configuration(pool(THREE)));
    const anywhere = new Driver({ looks: true });
    const listeners = [listener(DIRECT)];
    anywhere.configure({ loadBalancers: [loadBalancer({ addresses: [], listeners, pools: [pool(THREE)] })] });
    for (const driver of [blind, nat, anywhere]) {
      driver.run(10);
      expect([driver.serving(), driver.looks]).toEqual(['a b c', []]);
    }
  });

  it('L4-61, L4-82: after a restart members that served go on, and those that did not are still out', () => {
    const first = started();
    first.world.faults.set('10.0.0.2', ABSENT);
    first.run(5_000);
    const second = new Driver({ looks: true, saved: first.saved, nowMs: 5_000 });
    second.configure(configuration(pool(THREE), DIRECT));
    second.run(10);
    expect(second.serving()).toBe('a c');
  });

  it('L4-61: a member that is added is looked at before it serves, while the others go on', () => {
    const driver = started(pool([member('a'), member('b')])).run(1_200);
    driver.world.faults.set('10.0.0.3', CLAIMED);
    driver.configure(configuration(pool(THREE), DIRECT));
    driver.run(10_000);
    expect(driver.serving()).toBe('a b');
    expect(driver.programs.some(({ services }) => services[0]!.table.members.includes('c'))).toBe(false);
  });

  it('L4-61: a check that the node could not carry out decides nothing, and is repeated early', () => {
    const driver = new Driver({ looks: true });
    driver.configure(configuration(pool([member('a')]), DIRECT));
    const plan = [...driver.core.state!.checks()].find(({ direct }) => direct !== undefined)!;
    while (driver.looks.length === 0) driver.run(10);
    driver.core.checked(plan.key, { ok: false, latencyMs: 1, reason: 'no memory', inconclusive: true }, driver.now());
    driver.turn();
    expect(stateOf(driver, 'a')).toEqual({ state: 'ejected', reason: 'not-checked-yet' });
    driver.run(1_200);
    expect(driver.looks.length).toBeGreaterThan(1);
    expect(driver.serving()).toBe('a');
  });

  it('L4-61: members of a pool are looked at for each listener that leads there', () => {
    const driver = new Driver({ looks: true });
    const both = [listener(DIRECT), listener({ ...DIRECT, name: 'quic', protocol: 'udp' })];
    driver.configure({ loadBalancers: [loadBalancer({ listeners: both, pools: [pool(THREE)] })] });
    driver.run(1_300);
    expect([driver.serving(0), driver.serving(1)]).toEqual(['a b c', 'a b c']);
    const { members } = reportOf(driver.core, driver.now()).pools[0]!;
    expect(members[0]!.directReturn.map(({ listener: name }) => name)).toEqual(['http', 'quic']);
  });

  function started(web = pool(THREE), options: Parameters<typeof configuration>[1] = {}): Driver {
    const driver = new Driver({ looks: true });
    driver.configure(configuration(web, { ...DIRECT, ...options }));
    return driver.run(10);
  }

  function stateOf(driver: Driver, name: string) {
    const { state, reason } = driver.core.state!.pools.get('acme/shop/web/4')!.statuses.get(name)!;
    return { state, reason };
  }

  function told(driver: Driver, name: string) {
    return driver.events.filter((event) => 'member' in event && event.member === name);
  }
});
