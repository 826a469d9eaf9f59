import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DesiredService } from '../../targets/maglev/model.js';
import { check, configuration, Driver, listener, loadBalancer, member, outlier, pool } from './driver.fixture.js';

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;
const QUICK = check({ fall: 2, rise: 2, intervalMs: 1_000, timeoutMs: 400 });

/** One thing that happens to a balancer. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('dies' as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant('lives' as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant('drain' as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant('undrain' as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant('refuses' as const), name: fc.constantFrom(...NAMES), times: fc.nat(4) }),
  fc.record({ kind: fc.constant('members' as const), count: fc.integer({ min: 1, max: NAMES.length }) }),
  fc.record({ kind: fc.constant('kernel' as const), refuses: fc.boolean(), programMs: fc.nat(1_500) }),
  fc.record({ kind: fc.constant('time' as const), ms: fc.nat(5_000) }),
);
const settings = fc.record({
  algorithm: fc.constantFrom('maglev' as const, 'round-robin' as const, 'least-connections' as const),
  whenNoneHealthy: fc.constantFrom('reject' as const, 'fail-open' as const),
  slowStartMs: fc.constantFrom(0, 8_000),
});

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type Settings = typeof settings extends fc.Arbitrary<infer S> ? S : never;

describe('balancer core', () => {
  it('whatever comes in, what is wanted of the kernel holds only members that may serve, one program at a time', () => {
    fc.assert(
      fc.property(fc.nat(), settings, fc.array(step, { maxLength: 40 }), (seed, options, steps) => {
        const driver = started(seed, options);
        for (const each of steps) {
          carryOut(driver, each, options);
          expectServing(driver);
        }
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  it('once the kernel takes programs again it has what the state of members amounts to', () => {
    fc.assert(
      fc.property(fc.nat(), settings, fc.array(step, { maxLength: 25 }), (seed, options, steps) => {
        const driver = started(seed, options);
        for (const each of steps) carryOut(driver, each, options);
        driver.world.kernelRefuses = null;
        driver.world.programMs = 1;
        driver.run(120_000);
        driver.core.tick(driver.now());
        driver.run(5);
        expect(driver.inForce).toEqual(driver.core.state!.desired);
        expect(driver.core.kernel.programmer.settled).toBe(true);
      }),
      { numRuns: 30, seed: 4 },
    );
  });

  it('the same seed and the same events give the same programs, checks and events', () => {
    fc.assert(
      fc.property(fc.nat(), settings, fc.array(step, { maxLength: 15 }), (seed, options, steps) => {
        const run = () => {
          const driver = started(seed, options);
          for (const each of steps) carryOut(driver, each, options);
          const tables = driver.programs.map(({ services }) =>
            services.map(({ table }) => [...table.members, table.slots.join()]),
          );
          return { tables, checks: driver.checks, events: driver.events, cuts: driver.cuts };
        };
        expect(run()).toEqual(run());
      }),
      { numRuns: 15, seed: 4 },
    );
  });

  it('never asks to be called again for something that is past', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(step, { maxLength: 15 }), (seed, steps) => {
        const options: Settings = { algorithm: 'maglev', whenNoneHealthy: 'reject', slowStartMs: 8_000 };
        const driver = started(seed, options);
        for (const each of steps) {
          carryOut(driver, each, options);
          expect(driver.core.nextBootMs() ?? Infinity).toBeGreaterThan(driver.nowMs);
        }
      }),
      { numRuns: 40, seed: 4 },
    );
  });
});

function started(seed: number, options: Settings): Driver {
  const driver = new Driver({ seed });
  driver.configure(wanted(options, 3));
  return driver.run(10);
}

function wanted(options: Settings, count: number) {
  const web = pool(
    NAMES.slice(0, count).map((name) => member(name)),
    { activeCheck: QUICK, passiveCheck: outlier(), tableSize: null, drainMs: 7_000, ...options },
  );
  const { loadBalancers } = configuration(web);
  const listeners = [listener(), listener({ name: 'udp', protocol: 'udp', port: 53 })];
  return { loadBalancers: [loadBalancer({ ...loadBalancers[0]!, listeners })] };
}

function carryOut(driver: Driver, each: Step, options: Settings): void {
  const { core, world } = driver;
  const isKnown =
    'name' in each &&
    core.state!.configuration.loadBalancers[0]!.pools[0]!.members.some(({ name }) => name === each.name);
  if (each.kind === 'time') driver.run(each.ms);
  else if (each.kind === 'dies') world.dead.add(member(each.name).host);
  else if (each.kind === 'lives') world.dead.delete(member(each.name).host);
  else if (each.kind === 'members') driver.configure(wanted(options, each.count));
  else if (each.kind === 'kernel')
    Object.assign(world, { kernelRefuses: each.refuses ? 'busy' : null, programMs: each.programMs });
  else if (each.kind === 'refuses' && isKnown && driver.inForce)
    driver.count(each.name, { opened: each.times, refused: each.times });
  else if (each.kind === 'drain' && isKnown) core.administration.drain({ member: each.name }, {}, driver.now());
  else if (each.kind === 'undrain' && isKnown) core.administration.undrain({ member: each.name }, driver.now());
  driver.turn();
}

function expectServing(driver: Driver): void {
  const state = driver.core.state!;
  for (const plan of state.layout.services) {
    const runtime = state.pools.get(plan.pool.key)!;
    const service = state.service(plan.id)!;
    const { mode } = runtime.rotation(driver.now());
    for (const name of holders(service)) {
      const { state: status } = runtime.statuses.get(name)!;
      const mayServe = status === 'active' || status === 'on-trial' || (mode === 'fail-open' && status === 'ejected');
      expect(mayServe, `${name} is ${status} in mode ${mode}`).toBe(true);
    }
    if (mode === 'reject') expect(service.table.slots).toHaveLength(0);
  }
}

/** Names of those whom a slot leads to. */
function holders({ table }: DesiredService): Set<string> {
  return new Set([...table.slots].map((index) => table.members[index]!));
}
