import { RandomStream } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import { describeFault, drawFaults, type FaultSpace, healAll, scheduleFaults } from './faults.js';
import { Violation } from './invariant.js';
import { type RunObserver, replaySeed, runSeed, type Scenario } from './run-seed.js';
import { shrinkSeed } from './shrink.js';
import { Simulation } from './simulation.js';

const SPACE: FaultSpace = {
  links: [
    ['origin', 'edge'],
    ['edge', 'pop-1'],
  ],
  nodes: {
    crash: ['edge'],
    'disk-loss': [],
    pause: ['edge', 'pop-1'],
    reboot: ['pop-1'],
    sleep: [],
    'wall-clock-step': ['pop-1'],
  },
  fromMs: 1000,
  untilMs: 20_000,
  countMax: 8,
  durationMsMax: 5000,
};

describe('drawFaults', () => {
  it('draws the same plan from the same seed, and every possible kind over many seeds', () => {
    const plan = (seed: number) => drawFaults(new RandomStream(seed), SPACE);
    expect(plan(4)).toEqual(plan(4));
    const kinds = new Set(
      Array.from({ length: 200 }, (_, seed) => plan(seed)).flatMap((faults) => faults.map(({ kind }) => kind)),
    );
    expect([...kinds].sort()).toEqual(['crash', 'loss', 'partition', 'pause', 'reboot', 'reset', 'wall-clock-step']);
  });

  it('draws every kind that there is where everything may happen', () => {
    const nodes = ['edge', 'pop-1'];
    const all: FaultSpace = {
      ...SPACE,
      linkKinds: ['partition', 'reset', 'loss', 'bandwidth', 'delay', 'reordering', 'mtu'],
      nodes: {
        ...{ crash: nodes, 'disk-loss': nodes, pause: nodes, reboot: nodes, sleep: nodes, 'wall-clock-step': nodes },
        ...{ 'slow-reader': nodes, 'stalled-reader': nodes, 'mass-reconnect': nodes, 'wall-clock-rate': nodes },
        ...{ 'disk-full': nodes, 'torn-disk': nodes, 'old-disk': nodes, 'certificate-expiry': nodes },
        ...{ 'target-refuses': nodes, 'target-slow': nodes, 'target-drift': nodes, 'service-refuses': nodes },
        ...{ 'hostile-peer': ['hostile'], zombie: ['edge'] },
      },
      standbys: { edge: 'pop-1' },
    };
    const faults = Array.from({ length: 300 }, (_, seed) => drawFaults(new RandomStream(seed), all)).flat();
    expect(new Set(faults.map(({ kind }) => kind)).size).toBe(27);
    for (const fault of faults) {
      expect(describeFault(fault)).toContain(fault.kind);
      if (fault.kind === 'zombie') expect(fault.standby).toBe('pop-1');
      if (fault.kind === 'old-disk') expect(fault.snapshotAtMs).toBeLessThan(fault.atMs);
    }
  });

  it('stays within its space', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      for (const fault of drawFaults(new RandomStream(seed), SPACE)) {
        expect(fault.atMs).toBeGreaterThanOrEqual(SPACE.fromMs);
        expect(fault.atMs).toBeLessThan(SPACE.untilMs);
        expect(fault.durationMs).toBeLessThanOrEqual(SPACE.durationMsMax);
        if ('node' in fault) expect(SPACE.nodes[fault.kind]).toContain(fault.node);
      }
    }
  });
});

describe('Simulation', () => {
  it('crashes, restarts and pauses nodes as planned', async () => {
    const simulation = new Simulation(1);
    const starts: number[] = [];
    const node = simulation.node({ name: 'edge' }, ({ runtime }) => {
      starts.push(runtime.world.nowMs);
    });
    node.start();
    const overAtMs = scheduleFaults(simulation, [
      { kind: 'crash', node: 'edge', atMs: 100, durationMs: 50 },
      { kind: 'pause', node: 'edge', atMs: 200, durationMs: 10 },
    ]);
    expect(overAtMs).toBe(210);
    await simulation.run(120);
    expect(node.process).toBeNull();
    await simulation.run(205);
    expect([starts, node.process?.state]).toEqual([[0, 150], 'paused']);
    await simulation.run(300);
    expect(node.running).toBe(true);
  });

  it('starts a program again that has exited, unless a fault keeps it down', async () => {
    const simulation = new Simulation(1);
    const starts: number[] = [];
    const exits = { exitsOn: (error: unknown) => error instanceof RangeError };
    const node = simulation.node({ name: 'edge', ...exits }, ({ runtime }) => {
      starts.push(runtime.world.nowMs);
      if (starts.length < 4) throw new RangeError('no space left');
    });
    node.start();
    scheduleFaults(simulation, [{ kind: 'reboot', node: 'edge', atMs: 1500, durationMs: 2000 }]);
    await simulation.run(10_000);
    expect([starts, node.running]).toEqual([[0, 1000, 3500, 4500], true]);
    expect(simulation.history('edge')).toContainEqual(expect.stringContaining('exited: RangeError: no space left'));
  });

  it('heals what is still wrong at the end', async () => {
    const simulation = new Simulation(1);
    const nodes = ['edge', 'pop-1'].map((name) => simulation.node({ name }, () => {}));
    for (const node of nodes) node.start();
    nodes[0]!.crash();
    nodes[1]!.pause();
    simulation.network.partition('edge', 'pop-1');
    healAll(simulation);
    expect(nodes.map(({ running }) => running)).toEqual([true, true]);
    expect(simulation.network.link('edge', 'pop-1').blockedSinceMs).toBeNull();
  });

  it('ends at the step at which an invariant is broken, with what happened before', async () => {
    const scenario = {
      name: 'broken',
      async run(seed: number, observer: RunObserver) {
        const simulation = new Simulation(seed);
        observer.built(simulation);
        let broken = false;
        simulation.hold({
          id: 'never-broken',
          statement: 'it is never broken',
          check() {
            if (broken) throw new Violation('never-broken', 'it is broken');
          },
        });
        simulation.world.schedule(10, () => simulation.observe({ kind: 'note', node: 'edge', what: 'about to break' }));
        simulation.world.schedule(20, () => {
          broken = true;
        });
        simulation.world.schedule(30, () => {});
        await simulation.run(100);
      },
    };
    const { violation, steps } = await runSeed(scenario, 5);
    expect(violation).toMatchObject({ invariant: 'never-broken', message: 'it is broken', step: 2, atMs: 20 });
    expect([steps, violation!.history]).toEqual([2, [expect.stringContaining('edge: about to break')]]);
  });

  it('reports a program that fails, and one that throws in a timer', async () => {
    for (const immediately of [true, false]) {
      const scenario = {
        name: 'failing',
        async run(seed: number, observer: RunObserver) {
          const simulation = new Simulation(seed);
          observer.built(simulation);
          const node = simulation.node({ name: 'edge' }, ({ runtime }) => {
            if (immediately) throw new Error('out of luck');
            runtime.at(runtime.bootMs() + 5, () => {
              throw new Error('out of luck');
            });
          });
          node.start();
          await simulation.run(100);
        },
      };
      const { violation } = await runSeed(scenario, 1);
      expect(violation).toMatchObject({ invariant: 'error', message: expect.stringContaining('out of luck') });
    }
  });
});

describe('replaying', () => {
  /** Breaks when two particular faults overlap; the others do nothing. */
  const overlapping: Scenario = {
    name: 'overlapping',
    async run(seed, observer) {
      const simulation = new Simulation(seed);
      observer.built(simulation);
      for (const name of ['one', 'two', 'three']) simulation.node({ name }, () => {}).start();
      let down = 0;
      simulation.hold({
        id: 'never-both',
        statement: 'one and two are never down together',
        observe(observation) {
          if (observation.kind !== 'fault' || observation.node === 'three') return;
          down += observation.phase === 'begin' ? 1 : -1;
          if (down === 2) throw new Violation('never-both', 'both are down');
        },
      });
      const faults = observer.faults([
        { kind: 'pause', node: 'three', atMs: 10, durationMs: 500 },
        { kind: 'pause', node: 'one', atMs: 20, durationMs: 800 },
        { kind: 'crash', node: 'three', atMs: 30, durationMs: 5 },
        { kind: 'pause', node: 'two', atMs: 100, durationMs: 400 },
      ]);
      scheduleFaults(simulation, faults);
      await simulation.run(1000);
    },
  };

  it('shrinks to the faults that are needed, as short as they may be', async () => {
    const shrunk = await shrinkSeed(overlapping, 1);
    expect(shrunk).toMatchObject({ kept: [1, 3], result: { violation: { invariant: 'never-both' } } });
    expect(shrunk!.result.faults.map(({ durationMs }) => durationMs)).toEqual([100, 50]);
    const alone = {
      ...overlapping,
      run: (seed: number, observer: RunObserver) => overlapping.run(seed, { ...observer, faults: () => [] }),
    };
    expect(await shrinkSeed(alone, 1)).toBeNull();
  });

  it('runs a part of the plan, and ends before a step', async () => {
    const parts = await runSeed(overlapping, 1, { alter: (drawn) => drawn.slice(0, 3) });
    expect([parts.violation, parts.faults.length]).toEqual([null, 3]);
    const { result, simulation } = await replaySeed(overlapping, 1, { untilStep: 2, keepAll: true });
    expect([result.steps, result.violation]).toEqual([2, null]);
    expect(simulation!.history('three')).toEqual([
      expect.stringContaining('three started'),
      expect.stringContaining('begin pause of three'),
    ]);
  });
});

describe('describeFault', () => {
  it('says what, where, when and how long', () => {
    const fault = { kind: 'partition', left: 'a', right: 'b', ways: 'both', atMs: 10.4, durationMs: 20 } as const;
    expect(describeFault(fault)).toBe('partition of a b both at 10 ms for 20 ms');
  });
});
