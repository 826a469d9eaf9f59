import { describe, expect, it } from 'vitest';
import { firstCheckDelayMs, nextCheckDelayMs } from './check-schedule.js';
import type { MemberReport, Transition } from './events.js';
import { PoolHealth } from './pool-health.js';
import type { PoolMember } from './rotation.js';
import { type HealthOptions, healthSettings } from './settings.js';

const four = (): PoolMember[] => ['a', 'b', 'c', 'd'].map((name) => ({ name, weight: 1 }));
const create = (options: HealthOptions, members = four()) => new PoolHealth(healthSettings(options), members, 0);
const text = (transitions: readonly Transition[]): string[] =>
  transitions.map((change) =>
    change.kind === 'pool'
      ? `${change.atMs} pool ${change.from} -> ${change.to}`
      : `${change.atMs} ${change.member} ${change.from.state} -> ${change.to.state} ${change.to.reason ?? ''}(${change.flows})`,
  );
const serving = (pool: PoolHealth, nowMs: number): string =>
  pool
    .rotation(nowMs)
    .members.filter(({ sharePercent }) => sharePercent !== 0)
    .map(({ name, sharePercent }) => (sharePercent === 100 ? name : `${name} (${sharePercent} %)`))
    .join(' ');
const failed = (failures: number) => ({ successes: 0, failures });
const good = (successes: number) => ({ successes, failures: 0 });
const stateOf = (pool: PoolHealth, name: string): string =>
  pool.report().find(({ member }) => member.name === name)!.status.state;

describe('fitness for the data path', () => {
  const strict = (options: HealthOptions = {}) => create({ ...options, fitnessRequired: true });

  it('L4-61: nobody serves before it is found fit, and whoever is not does not', () => {
    const pool = strict();
    expect([serving(pool, 0), pool.rotation(0).mode]).toEqual(['', 'reject']);
    expect(text(pool.setFit('a', true, 1))).toEqual(['1 a ejected -> active (keep)', '1 pool reject -> normal']);
    expect(text(pool.setFit('b', false, 2))).toEqual(['2 b ejected -> ejected direct-return-failure(keep)']);
    expect(serving(pool, 2)).toBe('a');
    expect(text(pool.setFit('b', true, 3))).toEqual(['3 b ejected -> active (keep)']);
    expect([pool.isFit('b'), pool.isFit('c')]).toEqual([true, null]);
  });

  it('L4-61: neither panic nor failing open lets in who is not fit', () => {
    const pool = strict({ active: { fall: 1 }, panicPercent: 90, whenNoneHealthy: 'fail-open' });
    for (const name of ['a', 'b', 'c']) pool.setFit(name, name !== 'c', 1);
    pool.check('a', false, 2);
    expect([serving(pool, 2), pool.rotation(2).mode]).toEqual(['a b', 'panic']);
    pool.check('b', false, 3);
    expect([serving(pool, 3), pool.rotation(3).mode]).toEqual(['a b', 'fail-open']);
  });

  it('L4-61: a failed check is the reason that is told before fitness', () => {
    const pool = strict({ active: { fall: 1 } });
    pool.setFit('a', false, 1);
    expect(text(pool.check('a', false, 2))).toEqual(['2 a ejected -> ejected active-check-failure(cut)']);
  });

  it('L4-61: who served before it was asked for goes on, and without the demand all are fit', () => {
    const pool = create({});
    expect(text(pool.setFit('a', false, 1))).toEqual([]);
    pool.configure(healthSettings({ fitnessRequired: true }), [...four(), { name: 'e', weight: 1 }], 2);
    expect(serving(pool, 2)).toBe('a b c d');
    pool.setFit('a', false, 3);
    expect(serving(pool, 3)).toBe('b c d');
    pool.configure(healthSettings({}), [...four(), { name: 'e', weight: 1 }], 4);
    expect(serving(pool, 4)).toBe('a b c d e');
  });

  it('L4-61: a restart remembers what was found', () => {
    const pool = strict();
    for (const name of ['a', 'b', 'c']) pool.setFit(name, name !== 'b', 1);
    const next = strict();
    next.restore(pool.report(), 2);
    expect(serving(next, 2)).toBe('a c');
    expect(next.isFit('d')).toBeNull();
  });
});

describe('active checks', () => {
  it('LOB-59, LOB-20: `fall` failures in a row take a member out, `rise` successes bring it back', () => {
    const pool = create({ active: { rise: 3, fall: 3 } });
    expect([pool.check('a', false, 1), pool.check('a', false, 2), pool.check('a', true, 3)].flat()).toEqual([]);
    const out = [4, 5, 6].flatMap((atMs) => pool.check('a', false, atMs));
    expect(text(out)).toEqual(['6 a active -> ejected active-check-failure(cut)']);
    expect(serving(pool, 6)).toBe('b c d');
    const results = [true, true, false, true, true, true];
    const back = results.flatMap((success, index) => pool.check('a', success, 10 + index));
    expect(text(back)).toEqual(['15 a ejected -> active (keep)']);
    expect(serving(pool, 15)).toBe('a b c d');
  });

  it('LOB-21: with `fall` 1 the first failed check removes a member', () => {
    const pool = create({ active: { fall: 1 } });
    expect(text(pool.check('b', false, 5))).toEqual(['5 b active -> ejected active-check-failure(cut)']);
  });

  it('LOB-17: a member that starts unavailable serves after its first `rise` successes', () => {
    const pool = create({ active: { startAvailable: false, rise: 2 } }, four().slice(0, 1));
    expect([pool.rotation(0).mode, stateOf(pool, 'a')]).toEqual(['reject', 'ejected']);
    expect(pool.check('a', true, 1)).toEqual([]);
    expect(text(pool.check('a', true, 2))).toEqual(['2 a ejected -> active (keep)', '2 pool reject -> normal']);
  });

  it('LOB-12: a pool without checks ignores results', () => {
    const pool = create({});
    for (let atMs = 0; atMs < 9; atMs++) expect(pool.check('a', false, atMs)).toEqual([]);
  });

  it('LOB-12, LOB-59: a member has thresholds of its own, or is not checked at all', () => {
    const own = { startAvailable: false, rise: 1, fall: 2 };
    const members: PoolMember[] = [
      { name: 'inherits', weight: 1 },
      { name: 'own', weight: 1, active: own },
      { name: 'unchecked', weight: 1, active: null },
    ];
    const pool = create({ active: { fall: 1 } }, members);
    expect(serving(pool, 0)).toBe('inherits unchecked');
    pool.check('own', true, 1);
    for (const { name } of members) pool.check(name, false, 2);
    expect(serving(pool, 2)).toBe('own unchecked');
    pool.check('own', false, 3);
    expect(serving(pool, 3)).toBe('unchecked');
    pool.configure(healthSettings({ active: { fall: 1 } }), [{ name: 'own', weight: 1, active: null }], 4);
    expect(serving(pool, 4)).toBe('own');
  });

  it('asks for an early check while one more failure may take a member out', () => {
    const pool = create({ active: { fall: 2 } });
    pool.check('a', false, 1);
    expect([pool.isSuspicious('a'), pool.isSuspicious('b')]).toEqual([true, false]);
    pool.check('a', false, 2);
    expect(pool.isSuspicious('a')).toBe(false);
    expect([
      nextCheckDelayMs(10_000, true, 0.5),
      nextCheckDelayMs(1_000, true, 0),
      nextCheckDelayMs(100, true, 0),
    ]).toEqual([1_000, 200, 100]);
  });

  it('LOB-22: spreads first checks over 500 ms, and later ones around the interval', () => {
    expect([firstCheckDelayMs(10_000, 0), firstCheckDelayMs(10_000, 0.5), firstCheckDelayMs(200, 0.5)]).toEqual([
      0, 250, 100,
    ]);
    expect([0, 0.5, 1].map((random) => nextCheckDelayMs(10_000, false, random))).toEqual([9_000, 10_000, 11_000]);
  });
});

describe('passive checks', () => {
  it('L4-34: three failed connections in a row eject for 30 s; two and a success do not', () => {
    const pool = create({ outlier: {} });
    expect(
      [pool.traffic('a', failed(2), 1), pool.traffic('a', good(1), 2), pool.traffic('a', failed(2), 3)].flat(),
    ).toEqual([]);
    const [change] = pool.traffic('a', failed(1), 4);
    expect(change).toMatchObject({
      to: { state: 'ejected', reason: 'outlier-detection' },
      restoreAtMs: 30_004,
      flows: 'keep',
    });
    expect(pool.nextTimeoutMs(4)).toBe(30_004);
    expect(pool.report()[0]).toMatchObject({ sinceMs: 4, restoreAtMs: 30_004, status: { state: 'ejected' } });
    expect(pool.advance(30_003)).toEqual([]);
    expect(text(pool.advance(30_004))).toEqual(['30004 a ejected -> active (keep)']);
  });

  it('ejects for longer each time in a row, at most ten times, and forgets after one clean duration', () => {
    const pool = create({ outlier: { ejectionMs: 100 } });
    let nowMs = 0;
    const durations = Array.from({ length: 12 }, () => {
      pool.traffic('a', failed(3), nowMs);
      const duration = pool.nextTimeoutMs(nowMs)! - nowMs;
      nowMs += duration;
      pool.advance(nowMs);
      return duration;
    });
    expect(durations).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000, 1_000, 1_000]);
    pool.traffic('a', failed(3), nowMs + 100);
    expect(pool.nextTimeoutMs(nowMs + 100)).toBe(nowMs + 200);
  });

  it('L4-36: never ejects more than the share of the pool; a failed check counts but is not held back', () => {
    const pool = create({ outlier: { maxEjectionPercent: 50 }, active: { fall: 1 } });
    const eject = (name: string, atMs: number) => pool.traffic(name, failed(3), atMs);
    expect(['a', 'b', 'c', 'd'].flatMap((name, index) => eject(name, index)).length).toBe(2);
    expect(serving(pool, 3)).toBe('c d');
    expect(text(pool.check('c', false, 4))).toEqual(['4 c active -> ejected active-check-failure(cut)']);
    expect(eject('d', 5)).toEqual([]);
    const single = create({ outlier: {} }, four().slice(0, 1));
    expect(single.traffic('a', failed(100), 1)).toEqual([]);
  });

  it('ejects as soon as the cap allows, if the member goes on failing', () => {
    const pool = create({ outlier: { maxEjectionPercent: 25, ejectionMs: 100 } });
    pool.traffic('a', failed(3), 0);
    expect(pool.traffic('b', failed(3), 50)).toEqual([]);
    expect(text(pool.traffic('b', failed(1), 100))).toEqual([
      '100 a ejected -> active (keep)',
      '100 b active -> ejected outlier-detection(keep)',
    ]);
  });

  it('L4-37: either check ejects, and a member serves only when both agree', () => {
    const pool = create({ active: { rise: 1, fall: 1 }, outlier: { ejectionMs: 100, maxEjectionPercent: 25 } });
    pool.check('a', false, 0);
    expect(text(pool.traffic('a', failed(3), 1))).toEqual([]);
    expect(text(pool.check('a', true, 2))).toEqual(['2 a ejected -> ejected outlier-detection(keep)']);
    expect(text(pool.advance(101))).toEqual(['101 a ejected -> active (keep)']);
    pool.traffic('a', failed(3), 102);
    pool.check('a', false, 103);
    expect(text(pool.advance(400))).toEqual([]);
    expect(text(pool.check('a', true, 401))).toEqual(['401 a ejected -> active (keep)']);
  });
});

describe('circuit breaker', () => {
  const options: HealthOptions = { outlier: { ejectionMs: 100, consecutiveFailures: 5, halfOpen: { successes: 3 } } };

  it('FLB-75, FLB-76, FLB-77: closed, open, half-open on trial, closed again after three successes', () => {
    const pool = create(options);
    expect(text(pool.traffic('a', failed(5), 0))).toEqual(['0 a active -> ejected outlier-detection(keep)']);
    expect(text(pool.advance(100))).toEqual(['100 a ejected -> on-trial (keep)']);
    expect(serving(pool, 100)).toBe('a b c d');
    expect(pool.traffic('a', good(2), 101)).toEqual([]);
    expect(text(pool.traffic('a', good(1), 102))).toEqual(['102 a on-trial -> active (keep)']);
    expect(serving(pool, 102)).toBe('a b c d');
  });

  it('FLB-77: one failure on trial opens it again, for longer', () => {
    const pool = create(options);
    pool.traffic('a', failed(5), 0);
    pool.traffic('a', good(2), 100);
    expect(text(pool.traffic('a', { successes: 5, failures: 1 }, 110))).toEqual([
      '110 a on-trial -> ejected outlier-detection(keep)',
    ]);
    expect(pool.nextTimeoutMs(110)).toBe(310);
  });

  it('FLB-75: opens by the rate of failures and of slow connections within a minute, above a volume', () => {
    const outlier = {
      consecutiveFailures: 1_000,
      failureRate: { share: 0.5, volumeMin: 10 },
      slowRate: { share: 0.8, volumeMin: 10 },
    };
    const pool = create({ outlier });
    expect(pool.traffic('a', { successes: 4, failures: 4 }, 0)).toEqual([]);
    expect(text(pool.traffic('a', { successes: 1, failures: 20 }, 30_000))[0]).toContain('outlier-detection');
    expect(pool.traffic('b', { successes: 9, failures: 0, slow: 9 }, 40_000)).toEqual([]);
    expect(text(pool.traffic('b', { successes: 1, failures: 0 }, 41_000))[0]).toContain(
      'b active -> ejected outlier-detection',
    );
    // What opened the breaker is forgotten when it closes.
    expect(text(pool.advance(60_000))).toEqual(['60000 a ejected -> active (keep)']);
    expect(pool.traffic('a', { successes: 9, failures: 1 }, 60_001)).toEqual([]);
    const calm = create({ outlier });
    calm.traffic('a', { successes: 4, failures: 5 }, 0);
    expect(calm.traffic('a', { successes: 5, failures: 4 }, 60_000)).toEqual([]);
  });
});

describe('who serves', () => {
  const failAll = (pool: PoolHealth, names: string, atMs: number) =>
    names.split('').flatMap((name) => pool.check(name, false, atMs));

  it('LOB-24: rejects when no member is healthy, said once, and comes back by itself', () => {
    const pool = create({ active: { rise: 1, fall: 1 } });
    expect(text(failAll(pool, 'abcd', 1)).filter((line) => line.includes('pool'))).toEqual(['1 pool normal -> reject']);
    expect(pool.rotation(1)).toEqual({ mode: 'reject', members: [] });
    expect(failAll(pool, 'abcd', 2)).toEqual([]);
    expect(text(pool.check('c', true, 3)).at(-1)).toBe('3 pool reject -> normal');
    expect(serving(pool, 3)).toBe('c');
  });

  it('L4-74: or fails open to all members that are neither disabled nor draining', () => {
    const pool = create({ active: { fall: 1 }, whenNoneHealthy: 'fail-open' });
    pool.disable('a', 0);
    pool.drain('b', null, 0);
    expect(text(failAll(pool, 'abcd', 1)).at(-1)).toBe('1 pool normal -> fail-open');
    expect(serving(pool, 1)).toBe('c d');
  });

  it('panics below the threshold: all serve', () => {
    const pool = create({ active: { fall: 1 }, panicPercent: 50 });
    failAll(pool, 'ab', 1);
    expect([pool.rotation(1).mode, serving(pool, 1)]).toEqual(['normal', 'c d']);
    expect(text(pool.check('c', false, 2)).at(-1)).toBe('2 pool normal -> panic');
    expect(serving(pool, 2)).toBe('a b c d');
  });

  it('uses backups only while no primary is available', () => {
    const members = four().map((member) => ({ ...member, priority: member.name > 'b' ? 1 : 0 }));
    const pool = create({ active: { rise: 1, fall: 1 } }, members);
    expect(serving(pool, 0)).toBe('a b');
    expect(text(failAll(pool, 'ab', 1)).at(-1)).toBe('1 pool normal -> backup');
    expect(serving(pool, 1)).toBe('c d');
    expect(text(pool.check('b', true, 2)).at(-1)).toBe('2 pool backup -> normal');
    expect(serving(pool, 2)).toBe('b');
  });

  it('gives a member that comes back its weight in ten steps', () => {
    const pool = create({ active: { rise: 1, fall: 1 }, slowStartMs: 1_000 });
    pool.check('a', false, 0);
    pool.check('a', true, 500);
    const steps: string[] = [];
    for (let next: number | null = 500; next !== null; next = pool.nextTimeoutMs(next)) {
      pool.advance(next);
      steps.push(`${next} ${serving(pool, next)}`);
    }
    expect([steps.length, steps[0], steps[1], steps.at(-1)]).toEqual([
      ...[10, '500 a (10 %) b c d', '600 a (20 %) b c d', '1400 a b c d'],
    ]);
  });
});

describe('drain', () => {
  it('L4-86: ends new flows at once and cuts the rest at the deadline', () => {
    const pool = create({});
    expect(text(pool.drain('a', 30_000, 0))).toEqual(['0 a active -> draining (keep)']);
    expect([serving(pool, 0), pool.nextTimeoutMs(0)]).toEqual(['b c d', 30_000]);
    expect(text(pool.advance(30_000))).toEqual(['30000 a draining -> drained (cut)']);
    expect(pool.nextTimeoutMs(30_000)).toBe(null);
  });

  it('L4-41: is over at once when the member dies, with what is left cut', () => {
    const pool = create({ active: { rise: 1, fall: 1 } });
    pool.drain('a', 30_000, 0);
    expect(text(pool.check('a', false, 5))).toEqual(['5 a draining -> drained (cut)']);
    expect(text(pool.enable('a', 6))).toEqual(['6 a drained -> ejected active-check-failure(cut)']);
  });

  it('ends early when no flow is left, and can be taken back', () => {
    const pool = create({});
    pool.drain('a', 30_000, 0);
    expect(text(pool.empty('a', 10))).toEqual(['10 a draining -> drained (keep)']);
    expect(pool.advance(30_000)).toEqual([]);
    expect(text(pool.enable('a', 30_001))).toEqual(['30001 a drained -> active (keep)']);
    pool.drain('b', null, 30_002);
    expect([pool.nextTimeoutMs(30_002), text(pool.enable('b', 30_003))]).toEqual([
      null,
      ['30003 b draining -> active (keep)'],
    ]);
  });
});

describe('configuration', () => {
  it('keeps the state of members that are as before, and starts others anew', () => {
    const pool = create({ active: { fall: 2 } });
    pool.check('a', false, 1);
    pool.check('b', false, 1);
    const members = [
      { name: 'a', weight: 5 },
      { name: 'b', weight: 1, definition: 'another port' },
      { name: 'e', weight: 1 },
    ];
    expect(pool.configure(healthSettings({ active: { fall: 2 } }), members, 2)).toEqual([]);
    expect(text(pool.check('a', false, 3))).toEqual(['3 a active -> ejected active-check-failure(cut)']);
    expect(pool.check('b', false, 3)).toEqual([]);
    expect(serving(pool, 3)).toBe('b e');
  });

  it('starts a member anew when another thing is checked, and a new member slowly', () => {
    const settings = healthSettings({ active: { fall: 1 }, slowStartMs: 1_000 });
    const pool = new PoolHealth(settings, four().slice(0, 2), 0);
    pool.check('a', false, 1);
    const members = [{ name: 'a', weight: 1, definition: 'another port' }, ...four().slice(1, 3)];
    expect(text(pool.configure(settings, members, 2))).toEqual(['2 a ejected -> active (keep)']);
    expect([serving(pool, 2), pool.nextTimeoutMs(2)]).toEqual(['a (10 %) b c (10 %)', 102]);
  });

  it('keeps a drain when another thing is checked, and ends a trial when there are none', () => {
    const pool = create({ outlier: { ejectionMs: 100, halfOpen: {} } });
    pool.drain('a', 500, 0);
    pool.traffic('b', failed(3), 0);
    expect(text(pool.advance(100))).toEqual(['100 b ejected -> on-trial (keep)']);
    const members = four().map((member) => (member.name === 'a' ? { ...member, definition: 'another port' } : member));
    const changes = pool.configure(healthSettings({ outlier: { ejectionMs: 100 } }), members, 200);
    expect(text(changes)).toEqual(['200 b on-trial -> active (keep)']);
    expect([serving(pool, 200), pool.nextTimeoutMs(200)]).toEqual(['b c d', 500]);
  });

  it('lets members back in when what took them out is no longer configured', () => {
    const pool = create({ active: { fall: 1 }, outlier: {} });
    pool.check('a', false, 0);
    pool.traffic('b', failed(3), 0);
    expect(text(pool.configure(healthSettings({}), four(), 1))).toEqual([
      '1 a ejected -> active (keep)',
      '1 b ejected -> active (keep)',
    ]);
  });

  it('L4-82: a restart takes the states over and changes nothing', () => {
    const options: HealthOptions = { active: { fall: 1 }, outlier: {}, slowStartMs: 1_000 };
    const before = create(options);
    before.check('a', false, 1);
    before.traffic('b', failed(3), 2);
    before.drain('c', 40_000, 3);
    const kept = JSON.parse(JSON.stringify(before.report())) as MemberReport[];
    const after = create(options);
    expect(after.restore(kept, 10)).toEqual([]);
    expect(after.report()).toEqual(before.report());
    expect(after.rotation(10)).toEqual(before.rotation(10));
    expect(text(after.advance(40_000))).toEqual([
      '40000 b ejected -> active (keep)',
      '40000 c draining -> drained (cut)',
    ]);
  });

  it.each([
    [{ active: { rise: 0 } }, 'active.rise'],
    [{ active: { fall: 256 } }, 'active.fall'],
    [{ outlier: { consecutiveFailures: 0 } }, 'outlier.consecutiveFailures'],
    [{ outlier: { ejectionMs: 100, ejectionMsMax: 99 } }, 'outlier.ejectionMsMax'],
    [{ outlier: { maxEjectionPercent: 101 } }, 'outlier.maxEjectionPercent'],
    [{ outlier: { failureRate: { share: 0, volumeMin: 1 } } }, 'outlier.failureRate.share'],
    [{ outlier: { halfOpen: { successes: 0 } } }, 'outlier.halfOpen.successes'],
    [{ slowStartMs: -1 }, 'slowStartMs'],
    [{ panicPercent: 1.5 }, 'panicPercent'],
  ] as const)('refuses %j and names %s', (options, field) => {
    expect(() => healthSettings(options)).toThrow(expect.objectContaining({ code: 'RANGE', field }));
  });

  it('L4-49: reports since when each state lasts', () => {
    const pool = create({ active: { rise: 1, fall: 1 } });
    pool.check('a', false, 7);
    pool.check('a', false, 8);
    expect(pool.report().map(({ sinceMs, restoreAtMs }) => [sinceMs, restoreAtMs])).toEqual([
      [7, null],
      ...[0, 0, 0].map((sinceMs) => [sinceMs, null]),
    ]);
  });

  it('refuses members that selectors would refuse, and results for others', () => {
    expect(() => create({}, [...four(), ...four()])).toThrow(expect.objectContaining({ code: 'DUPLICATE' }));
    expect(() => create({}, [{ name: 'a', weight: 1, priority: 256 }])).toThrow(
      expect.objectContaining({ code: 'RANGE' }),
    );
    const pool = create({});
    expect(() => pool.configure(healthSettings({}), [{ name: 'x', weight: -1 }], 0)).toThrow();
    expect(serving(pool, 0)).toBe('a b c d');
    expect(() => pool.check('x', true, 0)).toThrow(expect.objectContaining({ code: 'NAME', value: 'x' }));
  });
});
