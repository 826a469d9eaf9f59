import { changedSlots } from '@higgins/balancing';
import { describe, expect, it } from 'vitest';
import { diffOf } from './diff.js';
import { check, configuration, Driver, listener, loadBalancer, member, outlier, pool } from './driver.fixture.js';
import { explainFlow } from './explain.js';

const QUICK = check({ fall: 1, rise: 1, intervalMs: 1_000, timeoutMs: 100 });
const web = pool([member('a'), member('b'), member('c')], { activeCheck: QUICK, passiveCheck: outlier() });

function started(): Driver {
  const driver = new Driver();
  driver.configure(configuration(web));
  return driver.run(2_000);
}

describe('reload', () => {
  it('LOB-36: a configuration that the kernel refuses is answered with the reason, and the one before goes on', () => {
    const driver = started();
    const before = driver.inForce;
    driver.world.kernelRefuses = 'nft: no space';
    const ticket = driver.configure(configuration(pool([member('a')])));
    driver.run(10);
    expect(driver.outcomes.get(ticket)).toEqual({ ok: false, reason: 'nft: no space', transient: true });
    expect(driver.events).toContainEqual(
      expect.objectContaining({ kind: 'configuration-refused', reason: 'nft: no space' }),
    );
    driver.world.kernelRefuses = null;
    driver.run(5_000);
    expect(driver.inForce!.services).toEqual(before!.services);
    expect(driver.core.configurations.revision).toBe(1);
    driver.world.dead.add('10.0.0.2');
    driver.run(2_000);
    expect(driver.serving()).toBe('a c');
  });

  it('LOB-36: an ejection while the kernel judges a new configuration is known to the one that goes on', () => {
    const driver = started();
    driver.world.kernelRefuses = 'nft: no space';
    driver.world.programMs = 3_000;
    const ticket = driver.configure(
      configuration(pool([member('a'), member('b'), member('d')], { activeCheck: QUICK })),
    );
    driver.world.dead.add('10.0.0.1');
    driver.run(2_900);
    expect(driver.outcomes.has(ticket)).toBe(false);
    driver.run(200);
    expect(driver.outcomes.get(ticket)).toMatchObject({ ok: false });
    expect(driver.core.kernel.programmer.inFlight!.desired.services[0]!.table.members).toEqual(['b', 'c']);
  });

  it.each([
    ['a data path that the node lacks', configuration(web, { dataPath: 'proxy' }), /data path "proxy"/],
    ['a rule without its pool', configuration(web, { rules: [{ match: null, pool: 'x' }] }), /leads to no pool/],
  ])('LOB-36: refuses %s, without a word to the kernel', (_what, bad, reason) => {
    const driver = started();
    const programs = driver.programs.length;
    const ticket = driver.configure(bad);
    driver.run(1);
    expect(driver.outcomes.get(ticket)).toEqual({ ok: false, reason: expect.stringMatching(reason), transient: false });
    expect(driver.programs).toHaveLength(programs);
    expect(driver.serving()).toBe('a b c');
  });

  it('R4, L4-16: members that stay as they are keep state, counts and timers', () => {
    const driver = started();
    driver.world.dead.add('10.0.0.2');
    driver.run(2_000);
    const due = driver.core.checks.nextBootMs();
    const ticket = driver.configure(configuration({ ...web, members: [...web.members, member('d')], slowStartMs: 0 }));
    expect(driver.core.state!.pools.get('acme/shop/web/4')!.statuses.get('b')!.state).toBe('ejected');
    expect(driver.core.checks.nextBootMs()).toBeLessThanOrEqual(due!);
    driver.run(20);
    expect(driver.outcomes.get(ticket)).toEqual({ ok: true, revision: 2, changed: true });
    expect(driver.serving()).toBe('a c d');
    const { succeeded } = driver.core.checks.status([...driver.core.state!.checks()][0]!.key, driver.now())!;
    expect(succeeded).toBeGreaterThanOrEqual(3);
  });

  it('L4-27: the same configuration again changes nothing and says so; the seed stays through a rename of pools', () => {
    const driver = started();
    const programs = driver.programs.length;
    const ticket = driver.configure(structuredClone(configuration(web)));
    driver.run(10);
    expect(driver.outcomes.get(ticket)).toEqual({ ok: true, revision: 1, changed: false });
    expect(driver.programs).toHaveLength(programs);
    const seed = driver.service().choice;
    const renamed = { ...web, name: 'other' };
    driver.configure(configuration(renamed, { rules: [{ match: null, pool: 'other' }] }));
    driver.run(100);
    expect(driver.service().choice).toEqual(seed);
  });

  it('LOB-35: a reload with a new name waits for its addresses, so that the pool is never empty', () => {
    const driver = started();
    driver.world.names.set('new.example.org', { addresses: ['10.9.0.1'], ttlMs: 60_000 });
    driver.configure(configuration(pool([member('n', { host: 'new.example.org' })], { activeCheck: null })));
    driver.run(100);
    expect(driver.serving()).toBe('n');
    expect(driver.programs.every(({ services }) => services[0]!.table.slots.length > 0)).toBe(true);
  });

  it('a newer configuration overtakes one that waits for names', () => {
    const driver = started();
    driver.world.dnsHangs = true;
    const slow = driver.configure(configuration(pool([member('n', { host: 'new.example.org' })])));
    driver.run(100);
    const quick = driver.configure(configuration(pool([member('d')])));
    driver.run(100);
    expect(driver.outcomes.get(slow)).toMatchObject({ ok: false });
    expect(driver.outcomes.get(quick)).toMatchObject({ ok: true });
    expect(driver.serving()).toBe('d');
  });

  it('an empty configuration is one: nothing is balanced any more', () => {
    const driver = started();
    driver.configure({ loadBalancers: [] });
    driver.run(100);
    expect(driver.inForce).toEqual({ services: [] });
    expect(driver.published.at(-1)).toMatchObject({ loadBalancer: 'shop', pools: null });
  });
});

describe('kernel', () => {
  it('tries a refused program again with pauses that grow, tells once, and tells the recovery', () => {
    const driver = new Driver();
    driver.world.kernelRefuses = 'busy';
    driver.configure(configuration(web));
    driver.run(20_000);
    expect(driver.events.filter(({ kind }) => kind === 'kernel-failed')).toHaveLength(1);
    driver.world.kernelRefuses = null;
    driver.run(20_000);
    expect(driver.serving()).toBe('a b c');
    expect(driver.kinds()).toContain('kernel-recovered');
  });

  it('L4-83: what somebody else changed is told and programmed again', () => {
    const driver = started();
    const programs = driver.programs.length;
    driver.core.verified(['map x lacks 3 elements'], driver.now());
    driver.turn();
    driver.run(100);
    expect(driver.programs).toHaveLength(programs + 1);
    expect(driver.events.at(-1)).toMatchObject({ kind: 'kernel-drift', findings: ['map x lacks 3 elements'] });
  });

  it('L4-83: tells once of what others change again and again, until it was seen to be right', () => {
    const driver = started();
    const drifts = () => driver.events.filter(({ kind }) => kind === 'kernel-drift').length;
    for (const _ of [1, 2, 3]) driver.core.verified(['table x is gone'], driver.now());
    driver.turn();
    expect(drifts()).toBe(1);
    driver.run(2_000);
    driver.core.verified(['table x is gone'], driver.now());
    driver.turn();
    expect(drifts()).toBe(2);
  });

  it('flush empties the kernel, over a restart too, until a reload', () => {
    const driver = started();
    driver.core.flush();
    driver.turn();
    driver.run(5_000);
    expect(driver.inForce).toBeNull();
    const programs = driver.programs.length;
    driver.world.dead.add('10.0.0.1');
    driver.run(5_000);
    expect(driver.programs).toHaveLength(programs);
    const next = new Driver({ saved: driver.saved, nowMs: driver.nowMs });
    next.configure(configuration(web), false);
    next.run(5_000);
    expect(next.programs).toHaveLength(0);
    const ticket = next.configure(configuration(web), true);
    next.run(100);
    expect([next.serving(), next.outcomes.get(ticket)!.ok]).toEqual(['a b c', true]);
  });
});

describe('restart', () => {
  it('L4-82, L4-27, LOB-34: wants exactly what is in the kernel, whoever is out, and 0 of all flows move', () => {
    const driver = new Driver();
    driver.world.names.set('n.example.org', { addresses: ['10.9.0.2', '10.9.0.7'], ttlMs: 60_000 });
    const members = [member('a'), member('b'), member('c'), member('d'), member('n', { host: 'n.example.org' })];
    const late = check({ startAvailable: false, rise: 1, fall: 1, intervalMs: 1_000, timeoutMs: 100 });
    const settings = { ...web, members, activeCheck: late };
    driver.configure(configuration(settings));
    driver.run(5_000);
    driver.world.dead.add('10.0.0.2');
    driver.core.administration.drain({ member: 'c' }, { deadlineMs: null }, driver.now());
    driver.world.flows.set(`${driver.service().id} c`, 5);
    driver.count('d', { opened: 3, refused: 3 });
    driver.run(5_000);
    expect(driver.serving()).toBe('a n');
    const before = driver.service();
    const next = new Driver({ saved: driver.saved, nowMs: driver.nowMs + 3_000, seed: 77 });
    next.world.dnsHangs = true;
    next.configure(configuration(structuredClone(settings)));
    next.run(5);
    expect(next.programs).toHaveLength(1);
    const after = next.service();
    expect(changedSlots(before.table, after.table)).toHaveLength(0);
    expect(after).toEqual(before);
    expect(next.events.filter(({ kind }) => kind === 'member')).toEqual([]);
  });

  it('L4-84: after a reboot what is left of an ejection goes on, by the wall clock', () => {
    const driver = started();
    driver.count('a', { opened: 3, refused: 3 });
    driver.run(2_000);
    expect(driver.serving()).toBe('b c');
    const rebooted = { ...driver.saved!, bootId: 'before', wallMs: driver.saved!.wallMs };
    // 10 s later, on a clock that began anew.
    const next = new Driver({ saved: { ...rebooted, wallMs: 1_000_000 + 500 - 10_000 }, nowMs: 500 });
    next.configure(configuration(web));
    next.run(10);
    expect(next.serving()).toBe('b c');
    next.run(20_000);
    expect(next.serving()).toBe('a b c');
  });
});

describe('answers', () => {
  it('L4-10: explains the member of every flow as the table has it, and why others are out', () => {
    const driver = started();
    driver.world.dead.add('10.0.0.3');
    driver.run(2_000);
    const question = {
      ...({ protocol: 'tcp', sourceAddress: '198.51.100.7', sourcePort: 40_000 } as const),
      ...{ destinationAddress: '192.0.2.1', destinationPort: 80 },
    };
    const explained = explainFlow(driver.core.state, question, driver.now());
    expect(explained).toMatchObject({
      outcome: 'member',
      loadBalancer: 'shop',
      listener: 'http',
      pool: 'web',
      slotsTotal: 251,
    });
    expect(['a', 'b']).toContain(explained.member);
    expect(explained.others).toContainEqual({
      member: 'c',
      address: '10.0.0.3',
      because: 'ejected: active-check-failure',
    });
    expect(explainFlow(driver.core.state, { ...question, destinationPort: 81 }, driver.now())).toMatchObject({
      outcome: 'not-balanced',
    });
    expect(() => explainFlow(driver.core.state, { ...question, sourceAddress: 'x' }, driver.now())).toThrow(
      expect.objectContaining({ code: 'invalid' }),
    );
  });

  it('L4-10: explains lists, turns and empty pools', () => {
    const driver = new Driver();
    const block = { kind: 'inline', prefixes: ['198.51.100.0/24', '2001:db8::/32'] } as const;
    const listeners = [
      listener({ block }),
      listener({ name: 'turn', port: 81, rules: [{ match: null, pool: 'turn' }] }),
      listener({ name: 'none', port: 82, rules: [{ match: null, pool: 'none' }] }),
    ];
    const turn = pool([member('a')], { name: 'turn', algorithm: 'round-robin', tableSize: null });
    const none = pool([member('a', { admin: 'disabled' })], { name: 'none' });
    driver.configure({ loadBalancers: [loadBalancer({ listeners, pools: [web, turn, none] })] });
    driver.run(100);
    const outcome = (destinationPort: number, sourceAddress = '203.0.113.1') => {
      const flow = {
        protocol: 'tcp',
        sourceAddress,
        sourcePort: 1,
        destinationAddress: '192.0.2.1',
        destinationPort,
      } as const;
      return explainFlow(driver.core.state, flow, driver.now()).outcome;
    };
    expect([outcome(80), outcome(80, '198.51.100.9'), outcome(81), outcome(82)]).toEqual([
      'member',
      'blocked',
      'in-turn',
      'none',
    ]);
  });

  it('says what another configuration would move, without touching anything', () => {
    const driver = started();
    const without = configuration({ ...web, members: web.members.slice(0, 2) });
    const preview = driver.core.configurations.preview(without, driver.core.loads, driver.now());
    const diff = diffOf(driver.core.state, preview);
    expect(diff).toMatchObject({ changed: true, services: [{ change: 'changed', fields: [], membersRemoved: ['c'] }] });
    expect(diff.services[0]!.flowsMoved).toBeGreaterThan(0.3);
    expect(diff.services[0]!.flowsMoved).toBeLessThan(0.4);
    expect(diff.services[0]!.moves.every(({ from }) => from === 'c' || from === 'a' || from === 'b')).toBe(true);
    const same = driver.core.configurations.preview(configuration(web), driver.core.loads, driver.now());
    expect(diffOf(driver.core.state, same)).toEqual({ changed: false, services: [] });
    expect(driver.serving()).toBe('a b c');
  });

  it('L4-48, L4-49: every ejection and return is one publication, with reason and times', () => {
    const driver = started();
    const before = driver.published.length;
    driver.count('a', { opened: 3, refused: 3 });
    driver.run(2_000);
    expect(driver.published).toHaveLength(before + 1);
    const { pools } = driver.published.at(-1)!;
    expect(pools!.pools[0]!.members[0]).toMatchObject({ name: 'a', status: 'ejected', reason: 'outlier-detection' });
    const { sinceWallMs, restoreWallMs } = pools!.pools[0]!.members[0]!;
    expect(restoreWallMs! - sinceWallMs).toBe(30_000);
    driver.run(31_000);
    expect(driver.published).toHaveLength(before + 2);
  });
});
