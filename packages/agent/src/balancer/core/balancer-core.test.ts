import type { SlotTable } from '@higgins/balancing';
import { describe, expect, it } from 'vitest';
import { check, configuration, Driver, listener, loadBalancer, member, outlier, pool } from './driver.fixture.js';
import { NODE_GONE_MS } from './limits.js';
import { reportOf } from './report.js';

const THREE = [member('a'), member('b'), member('c')];

describe('active checks', () => {
  it('LOB-21, L4-33: the first failed check takes a member out where the threshold says so, and a good one brings it back', () => {
    const driver = started(
      pool(THREE, { activeCheck: check({ fall: 1, rise: 1, intervalMs: 1_000, timeoutMs: 500 }) }),
    );
    driver.world.dead.add('10.0.0.2');
    driver.run(2_000);
    expect(driver.serving()).toBe('a c');
    expect(driver.core.state!.configuration.loadBalancers[0]!.pools[0]!.members).toHaveLength(3);
    driver.world.dead.clear();
    driver.run(2_000);
    expect(driver.serving()).toBe('a b c');
    const told = driver.events.filter(({ kind }) => kind === 'member');
    expect(told).toMatchObject([
      { member: 'b', from: 'active', to: 'ejected', reason: 'active-check-failure: no answer', severity: 'warning' },
      { member: 'b', from: 'ejected', to: 'active', severity: 'info' },
    ]);
  });

  it('LOB-12: a member without a check serves whatever happens', () => {
    const driver = started(pool([member('a', { activeCheck: null }), member('b')]));
    driver.world.dead.add('10.0.0.1').add('10.0.0.2');
    driver.run(60_000);
    expect(driver.serving()).toBe('a');
    expect(driver.checks.some(({ address }) => address === '10.0.0.1')).toBe(false);
  });

  it('LOB-17: a member that starts unavailable serves after its first good checks, others at once', () => {
    const late = check({ startAvailable: false, rise: 2, intervalMs: 1_000, timeoutMs: 500 });
    const driver = started(pool([member('a', { activeCheck: late }), member('b')]));
    expect(driver.programs[0]!.services[0]!.table.members).toEqual(['b']);
    driver.run(3_000);
    expect(driver.serving()).toBe('a b');
  });

  it('LOB-59: so many failures in a row as configured keep a member in, one more takes it out', () => {
    const three = check({ fall: 3, intervalMs: 1_000, timeoutMs: 100 });
    const driver = started(pool(THREE, { activeCheck: three })).run(1_000);
    driver.world.dead.add('10.0.0.1');
    const run = () => driver.core.state!.pools.get('acme/shop/web/4')!.report()[0]!.record.checkRun;
    while (run() > -2) driver.run(10);
    expect(driver.serving()).toBe('a b c');
    while (run() > -3) driver.run(10);
    driver.run(5);
    expect(driver.serving()).toBe('b c');
  });

  it('LOB-20: a failure starts the count of successes anew', () => {
    const settings = check({ fall: 1, rise: 3, startAvailable: false, intervalMs: 1_000, timeoutMs: 100 });
    const driver = started(pool([member('a', { activeCheck: settings }), member('b', { activeCheck: null })]));
    const succeeded = () =>
      driver.core.checks.status(driver.core.state!.checks()[Symbol.iterator]().next().value!.key, driver.now())!;
    while (succeeded().run < 2) driver.run(10);
    driver.world.dead.add('10.0.0.1');
    while (succeeded().run > 0) driver.run(10);
    driver.world.dead.clear();
    while (succeeded().run < 2) driver.run(10);
    expect(driver.serving()).toBe('b');
    while (succeeded().run < 3) driver.run(10);
    driver.run(5);
    expect(driver.serving()).toBe('a b');
  });

  it('LOB-22: spreads first checks over half a second, jitters later ones, and has one at a time per member', () => {
    const members = Array.from({ length: 200 }, (_, index) => member(`m${index}`, { host: `10.1.0.${index}` }));
    const driver = started(pool(members, { tableSize: 4093 })).run(600);
    const first = driver.checks.map(({ atMs }) => atMs);
    expect(first).toHaveLength(200);
    expect(Math.max(...first)).toBeLessThanOrEqual(500);
    for (const quarter of [0, 1, 2, 3]) {
      expect(first.filter((atMs) => Math.floor(atMs / 125) === quarter).length).toBeGreaterThan(20);
    }
    driver.run(120_000);
    const times = driver.checks.filter(({ address }) => address === '10.1.0.7').map(({ atMs }) => atMs);
    const gaps = times.slice(1).map((time, index) => time - times[index]!);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(9_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(11_000);
    expect(new Set(gaps).size).toBe(gaps.length);
  });

  it('looks early at a member whose last check failed: out after little more than one interval', () => {
    const driver = started(pool(THREE, { activeCheck: check({ timeoutMs: 100 }) })).run(1_000);
    driver.world.dead.add('10.0.0.1');
    driver.run(11_000 + 3 * 1_100);
    expect(driver.serving()).toBe('b c');
  });

  it('a check that the node could not carry out says nothing of the member', () => {
    const driver = started(pool(THREE, { activeCheck: check({ fall: 1 }) }));
    const [first] = driver.core.state!.checks();
    driver.run(501);
    const taken = driver.core.checks;
    expect(taken.status(first!.key, driver.now())!.succeeded).toBe(1);
    while (driver.core.checks.take(driver.now())?.key !== first!.key) driver.nowMs += 100;
    const result = { ok: false, latencyMs: 0, reason: 'no socket', inconclusive: true } as const;
    driver.core.checked(first!.key, result, driver.now());
    driver.run(5);
    expect(driver.serving()).toBe('a b c');
  });

  it('LOB-24: with nobody well new flows are refused, an alarm is told, and it comes back by itself', () => {
    const driver = started(
      pool(THREE, { activeCheck: check({ fall: 1, rise: 1, intervalMs: 1_000, timeoutMs: 500 }) }),
    );
    for (const each of THREE) driver.world.dead.add(each.host);
    driver.run(2_000);
    expect(driver.service().table.slots).toHaveLength(0);
    expect(driver.events).toContainEqual(expect.objectContaining({ kind: 'pool', to: 'reject', severity: 'critical' }));
    driver.world.dead.clear();
    driver.run(2_000);
    expect(driver.serving()).toBe('a b c');
  });

  it('L4-74: fails open to everybody who is not disabled or draining, tells it once, and cuts nobody who serves', () => {
    const members = [...THREE, member('d', { admin: 'disabled' }), member('e', { admin: 'draining' })];
    const web = pool(members, { whenNoneHealthy: 'fail-open', activeCheck: check({ fall: 1 }) });
    const driver = started(web);
    expect(driver.serving()).toBe('a b c');
    for (const each of members) driver.world.dead.add(each.host);
    driver.run(120_000);
    expect(driver.serving()).toBe('a b c');
    expect(driver.events.filter(({ kind, severity }) => kind === 'pool' && severity === 'critical')).toHaveLength(1);
    // The last one to fail goes on serving at once, with all the others.
    expect(driver.cuts.filter((cut) => cut.startsWith('tcp')).length).toBeLessThan(4);
  });
});

describe('passive checks', () => {
  const web = pool(THREE, { activeCheck: null, passiveCheck: outlier() });

  it('L4-34: so many refused connections in a row eject a member for its time; one success starts the count anew', () => {
    const driver = started(web).run(2_000);
    driver.count('a', { opened: 2, refused: 2 });
    driver.run(1_000);
    driver.count('a', { opened: 1, answered: 1 });
    driver.run(1_000);
    driver.count('a', { opened: 2, refused: 2 });
    driver.run(1_000);
    expect(driver.serving()).toBe('a b c');
    driver.count('a', { opened: 1, refused: 1 });
    driver.run(1_000);
    expect(driver.serving()).toBe('b c');
    const ejected = driver.events.find(({ kind }) => kind === 'member');
    expect(ejected).toMatchObject({
      to: 'ejected',
      reason: 'outlier-detection',
      restoreAtWallMs: ejected!.atWallMs + 30_000,
    });
    driver.run(29_000);
    expect(driver.serving()).toBe('b c');
    driver.run(1_500);
    expect(driver.serving()).toBe('a b c');
  });

  it('L4-35, L4-45: a first packet without an answer in time is a failure, one that is still in time is not', () => {
    const driver = new Driver();
    driver.configure(
      configuration(web, { timeouts: { connectMs: 3_000, idleMs: null, onIdle: 'release', memberConnectMs: null } }),
    );
    driver.run(2_000);
    driver.count('b', { opened: 3 });
    driver.run(2_500);
    expect(driver.serving()).toBe('a b c');
    driver.run(2_500);
    expect(driver.serving()).toBe('a c');
  });

  it('L4-36: never takes out more than the share of the pool that is allowed', () => {
    const driver = started(pool([...THREE, member('d')], { activeCheck: null, passiveCheck: outlier() })).run(2_000);
    for (const name of ['a', 'b', 'c', 'd']) driver.count(name, { opened: 5, refused: 5 });
    driver.run(2_000);
    expect(driver.service().table.members).toHaveLength(2);
  });

  it.each([
    [false, false, 'a b c'],
    [true, false, 'b c'],
    [false, true, 'b c'],
    [true, true, 'b c'],
  ])(
    'L4-37: with checks failing: %s, and connections failing: %s, those who serve are %s',
    (checks, traffic, expected) => {
      const driver = started(
        pool(THREE, { activeCheck: check({ fall: 1, intervalMs: 1_000, timeoutMs: 100 }), passiveCheck: outlier() }),
      );
      driver.run(2_000);
      if (checks) driver.world.dead.add('10.0.0.1');
      if (traffic) driver.count('a', { opened: 3, refused: 3 });
      driver.run(3_000);
      expect(driver.serving()).toBe(expected);
      driver.world.dead.clear();
      driver.run(10_000);
      expect(driver.serving()).toBe(traffic ? 'b c' : 'a b c');
    },
  );

  it("takes counters that began anew for what they are, and the first look for nobody's failure", () => {
    const driver = started(web);
    driver.count('a', { opened: 50, refused: 50 });
    driver.core.counted([], driver.now());
    driver.run(1_000);
    const restarted = started(web);
    restarted.run(900);
    expect(restarted.serving()).toBe('a b c');
    driver.world.counters.clear();
    driver.count('a', { opened: 1, answered: 1 });
    driver.run(3_000);
    expect(driver.core.traffic.memberTotals(driver.service().id, 'a').answered).toBe(1);
  });
});

describe('trials', () => {
  const halfOpen = { successes: 3, connectionsMax: 2 };

  it('L4-34: on trial a member keeps its share of the slots, bounded by connections, with others to stand in', () => {
    const driver = started(pool(THREE, { passiveCheck: outlier({ halfOpen }) })).run(2_000);
    expect(driver.service().trial).toEqual({ connectionsMax: 2, members: [], others: null });
    const before = driver.service().table.slots;
    driver.count('b', { flows: 3, opened: 3, refused: 3 });
    driver.run(1_100);
    expect(driver.serving()).toBe('a c');
    driver.run(30_000);
    expect(driver.service().table.slots).toEqual(before);
    const { members, others } = driver.service().trial!;
    expect([members, others!.members, others!.slots.length]).toEqual([['b'], ['a', 'c'], 251]);
    // Slots of the others are theirs in both tables.
    const names = (table: SlotTable) => [...table.slots].map((index) => table.members[index]);
    const [usual, instead] = [names(driver.service().table), names(others!)];
    expect(usual.every((name, slot) => name === 'b' || name === instead[slot])).toBe(true);
    driver.count('b', { flows: 3, opened: 3, answered: 3 });
    driver.run(1_100);
    expect([driver.service().trial!.members, driver.service().trial!.others]).toEqual([[], null]);
    expect(driver.events.filter(({ kind }) => kind === 'member').map((event) => Object(event).to)).toEqual([
      ...['ejected', 'on-trial', 'active'],
    ]);
  });

  it('L4-34: those who stand in take turns as often as anybody, and without them there is nobody', () => {
    const members = [member('a'), member('b', { weight: 2 }), member('c', { weight: 5 })];
    const passiveCheck = outlier({ halfOpen, maxEjectionPercent: 100 });
    const driver = started(pool(members, { algorithm: 'round-robin', passiveCheck })).run(2_000);
    driver.count('c', { flows: 3, opened: 3, refused: 3 });
    driver.run(31_200);
    const { table, trial } = driver.service();
    expect(trial!.others!.slots).toHaveLength(table.slots.length);
    for (const name of ['a', 'b']) driver.count(name, { flows: 3, opened: 3, refused: 3 });
    driver.run(1_100);
    expect([driver.serving(), driver.service().trial!.others]).toEqual(['c', null]);
  });
});

describe('ejection', () => {
  it('L4-40, L4-79: the program that takes a dead member out leaves at the moment of the decision, then flows are cut', () => {
    const driver = started(pool(THREE, { activeCheck: check({ fall: 1, intervalMs: 1_000, timeoutMs: 100 }) }));
    // Nobody answers for names, and nobody takes publications or events: nothing of it is waited for.
    driver.world.dnsHangs = true;
    driver.world.programMs = 50;
    driver.run(1_000);
    driver.world.dead.add('10.0.0.3');
    while (driver.programsInFlight === 0) driver.run(1);
    const { decidedBootMs, desired } = driver.core.kernel.programmer.inFlight!;
    expect(desired.services[0]!.table.members).toEqual(['a', 'b']);
    const ejected = driver.events.find(({ kind }) => kind === 'member')!;
    expect(ejected.atWallMs).toBe(Math.round(driver.now().wallMs - driver.nowMs + decidedBootMs));
    expect(driver.cuts).toEqual([]);
    driver.run(60);
    expect(driver.kinds().endsWith('member flows-cut')).toBe(true);
  });

  it('L4-40: an ejection during a program goes with the next one, together with all that came meanwhile', () => {
    const driver = started(pool(THREE, { activeCheck: check({ fall: 1, intervalMs: 1_000, timeoutMs: 100 }) }));
    driver.run(1_000);
    driver.world.programMs = 2_000;
    const programs = driver.programs.length;
    driver.core.administration.drain({ member: 'a' }, {}, driver.now());
    driver.turn();
    driver.world.dead.add('10.0.0.2').add('10.0.0.3');
    driver.run(3_900);
    expect(driver.programs).toHaveLength(programs + 1);
    driver.run(500);
    expect(driver.programs).toHaveLength(programs + 2);
    expect(driver.service().table.slots).toHaveLength(0);
  });
});

describe('flows', () => {
  it('L4-41: cuts the flows of a dead member once the kernel sends it no new ones, and no others', () => {
    const driver = started(pool(THREE, { activeCheck: check({ fall: 1, intervalMs: 1_000, timeoutMs: 100 }) }));
    driver.world.programMs = 50;
    driver.world.dead.add('10.0.0.3');
    while (driver.programsInFlight === 0) driver.run(1);
    expect(driver.cuts).toEqual([]);
    driver.run(60);
    expect([driver.serving(), driver.cuts]).toEqual(['a b', ['tcp c']]);
  });

  it('L4-41: keeps TCP flows of a drain, and cuts those of UDP', () => {
    const listeners = [listener(), listener({ name: 'dns', protocol: 'udp', port: 53 })];
    const driver = new Driver();
    driver.configure({ loadBalancers: [loadBalancer({ listeners })] });
    driver.run(1_000);
    for (const index of [0, 1]) driver.world.flows.set(`${driver.service(index).id} a`, 7);
    driver.core.administration.drain({ member: 'a' }, {}, driver.now());
    driver.run(5_000);
    expect([driver.serving(0), driver.serving(1), driver.cuts]).toEqual(['b c', 'b c', ['udp a']]);
  });

  it('L4-86: a drain ends when no flow is left, and its progress is told', () => {
    const driver = started(pool(THREE)).run(1_000);
    const key = `${driver.service().id} b`;
    driver.world.flows.set(key, 50);
    expect(driver.core.administration.drain({ member: 'b' }, { deadlineMs: null }, driver.now())).toMatchObject([
      { member: 'b', family: 4 },
    ]);
    driver.run(12_000);
    expect(driver.events.filter(({ kind }) => kind === 'drain-progress')).toMatchObject([
      { connections: 50, endsAtWallMs: null },
      { connections: 50 },
      { connections: 50 },
    ]);
    driver.world.flows.set(key, 0);
    driver.run(2_000);
    expect(driver.events.at(-1)).toMatchObject({ kind: 'member', from: 'draining', to: 'drained' });
    expect(driver.cuts).toEqual([]);
    driver.core.administration.undrain({ member: 'b' }, driver.now());
    driver.run(10);
    expect(driver.serving()).toBe('a b c');
  });

  it('L4-86: at its deadline a drain cuts what is left', () => {
    const driver = started(pool(THREE, { drainMs: 30_000 })).run(1_000);
    driver.world.flows.set(`${driver.service().id} b`, 50);
    driver.core.administration.drain({ pool: 'web', member: 'b' }, {}, driver.now());
    driver.run(29_900);
    expect([driver.serving(), driver.cuts]).toEqual(['a c', []]);
    driver.run(200);
    expect(driver.cuts).toEqual(['tcp b']);
  });

  it('a drain takes another deadline while it is under way, and 0 ends it at once', () => {
    const driver = started(pool(THREE)).run(1_000);
    driver.world.flows.set(`${driver.service().id} b`, 50);
    driver.core.administration.drain({ member: 'b' }, { deadlineMs: 60_000 }, driver.now());
    driver.run(1_000);
    driver.core.administration.drain({ member: 'b' }, { deadlineMs: 0 }, driver.now());
    driver.run(100);
    expect(driver.cuts).toEqual(['tcp b']);
    expect(() => driver.core.administration.drain({ member: 'x' }, {}, driver.now())).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
  });

  it('L4-42: a full member takes no new flows while others have room; with all full the kernel judges', () => {
    const limits = { connectionsPerMember: 10, connectionsPerSecond: null, burst: 5, connections: null };
    const driver = new Driver();
    driver.configure(configuration(pool(THREE), { limits }));
    driver.run(1_000);
    const set = (name: string, flows: number) => driver.world.flows.set(`${driver.service().id} ${name}`, flows);
    set('a', 10);
    driver.run(2_000);
    expect(driver.serving()).toBe('b c');
    set('b', 10);
    set('c', 12);
    driver.run(2_000);
    expect(driver.serving()).toBe('a b c');
    set('b', 9);
    set('c', 9);
    driver.run(2_000);
    expect(driver.serving()).toBe('b c');
  });
});

describe('limits of the PoP', () => {
  const LIMITS = { connectionsPerMember: 40, connectionsPerSecond: 100, burst: 10, connections: 70 };
  const POP = { node: 'n2', nodes: ['n1', 'n2', 'n3'] };
  const SHOP = { owner: 'acme', name: 'shop' };

  it('L4-43: new connections are limited for all living nodes together, open ones by each node for itself', () => {
    const driver = new Driver({ pop: POP });
    driver.configure(configuration(pool(THREE), { limits: LIMITS }));
    driver.run(5);
    expect(driver.service()).toMatchObject(LIMITS);
    driver.core.busChanged(true, driver.now());
    for (const node of ['n1', 'n3', 'n4']) driver.core.nodeHeard(SHOP, node, true, driver.now());
    driver.core.nodeHeard({ owner: 'acme', name: 'other' }, 'n1', true, driver.now());
    driver.turn();
    driver.run(5);
    expect(driver.service()).toMatchObject({ ...LIMITS, connectionsPerSecond: 33, burst: 3 });
    driver.core.nodeHeard(SHOP, 'n1', false, driver.now());
    driver.turn();
    driver.run(NODE_GONE_MS - 1);
    expect(driver.service().connectionsPerSecond).toBe(33);
    driver.run(10);
    expect(driver.service()).toMatchObject({ ...LIMITS, connectionsPerSecond: 50, burst: 5 });
  });

  it('L4-43: without the bus the last count holds, over a restart too', () => {
    const driver = new Driver({ pop: POP });
    driver.configure(configuration(pool(THREE), { limits: LIMITS }));
    driver.core.busChanged(true, driver.now());
    driver.core.nodeHeard(SHOP, 'n3', true, driver.now());
    driver.run(2_000);
    driver.core.busChanged(false, driver.now());
    driver.core.nodeHeard(SHOP, 'n3', false, driver.now());
    driver.run(3_600_000);
    expect(driver.service().connectionsPerSecond).toBe(50);
    const again = new Driver({ pop: POP, saved: driver.saved, nowMs: driver.nowMs });
    again.configure(configuration(pool(THREE), { limits: LIMITS }));
    again.run(60_000);
    expect(again.service().connectionsPerSecond).toBe(50);
    expect(reportOf(again.core, again.now()).services[0]).toMatchObject({ connectionsPerSecond: 50, nodes: 2 });
  });
});

describe('weights', () => {
  it('LOB-56, L4-21: gives new flows to those who have the fewest', () => {
    const driver = started(pool(THREE, { algorithm: 'least-connections', tableSize: null })).run(1_000);
    driver.world.flows.set(`${driver.service().id} a`, 100);
    driver.count('b', { flows: 50 });
    driver.run(2_500);
    expect(slots(driver, 'a')).toBeLessThan(20);
    expect(Math.abs(slots(driver, 'b') - slots(driver, 'c'))).toBeLessThan(20);
    driver.world.flows.set(`${driver.service().id} a`, 0);
    driver.run(3_000);
    expect(slots(driver, 'a')).toBeGreaterThan(600);
  });

  it('LOB-55: prefers the member whose checks are quicker, in steps, and follows when that changes', () => {
    const often = check({ intervalMs: 1_000, timeoutMs: 500 });
    const driver = new Driver();
    driver.world.latencyMs.set('10.0.0.1', 10).set('10.0.0.2', 100);
    driver.configure(
      configuration(
        pool([member('a'), member('b')], { algorithm: 'least-latency', activeCheck: often, tableSize: null }),
      ),
    );
    driver.run(60_000);
    expect(slots(driver, 'a')).toBeGreaterThan(8 * slots(driver, 'b'));
    driver.world.latencyMs.set('10.0.0.1', 100).set('10.0.0.2', 10);
    driver.run(6_000);
    expect(slots(driver, 'a')).toBeGreaterThan(slots(driver, 'b'));
    driver.run(120_000);
    expect(slots(driver, 'b')).toBeGreaterThan(8 * slots(driver, 'a'));
  });

  it('a member that comes back begins with a tenth of its weight', () => {
    const quick = check({ fall: 1, rise: 1, intervalMs: 1_000, timeoutMs: 500 });
    const driver = started(pool(THREE, { activeCheck: quick, slowStartMs: 100_000 }));
    driver.world.dead.add('10.0.0.1');
    driver.run(2_000);
    driver.world.dead.clear();
    while (driver.serving() !== 'a b c') driver.run(10);
    expect(slots(driver, 'a')).toBeLessThan(15);
    driver.run(50_000);
    expect(slots(driver, 'a')).toBeGreaterThan(40);
    driver.run(60_000);
    expect(slots(driver, 'a')).toBeGreaterThan(80);
  });

  it('backups serve when all before them are out', () => {
    const quick = check({ fall: 1, rise: 1, intervalMs: 1_000, timeoutMs: 500 });
    const driver = started(pool([member('a'), member('b'), member('z', { priority: 1 })], { activeCheck: quick }));
    driver.run(1_000);
    expect(driver.serving()).toBe('a b');
    driver.world.dead.add('10.0.0.1').add('10.0.0.2');
    driver.run(2_000);
    expect(driver.serving()).toBe('z');
  });
});

function started(web: ReturnType<typeof pool>): Driver {
  const driver = new Driver();
  driver.configure(configuration(web));
  return driver.run(5);
}

function slots(driver: Driver, name: string): number {
  const { table } = driver.service();
  const index = table.members.indexOf(name);
  return table.slots.filter((each) => each === index).length;
}

it('LOB-75: a listener with a list of the bus is never accelerated, since XDP does not look it up', () => {
  const acceleration = (options: Parameters<typeof configuration>[1]) => {
    const driver = new Driver();
    driver.configure(configuration(pool([member('a')]), { dataPath: 'dsr-l3', port: 8080, ...options }));
    return driver.run(5).programs[0]!.services.map((service) => service.acceleration);
  };
  const list = { kind: 'track', track: 'org/acme/lists/blocked' } as const;
  expect(acceleration({ acceleration: 'auto' })).toEqual(['auto']);
  expect(acceleration({ acceleration: 'auto', block: list })).toEqual(['off']);
  expect(acceleration({ acceleration: 'auto', allow: list })).toEqual(['off']);
});
