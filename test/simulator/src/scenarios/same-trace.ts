import type { RunObserver, Scenario } from '../frame/run-seed.js';
import type { Simulation } from '../frame/simulation.js';
import { sameTrace } from '../invariants/same-seed-same-trace.js';
import { twoTiers } from './two-tiers.js';

/** Two tiers, twice with the same seed: whatever of real time, real randomness or chance gets in shows in the trace. */
export const twice: Scenario = {
  name: 'twice',
  async run(seed, observer) {
    const worlds: Simulation[] = [];
    const watched = (inner: RunObserver): RunObserver => ({
      built(simulation) {
        worlds.push(simulation);
        inner.built(simulation);
      },
      faults: (drawn) => inner.faults(drawn),
    });
    await twoTiers.run(seed, watched(observer));
    await twoTiers.run(seed, watched({ built() {}, faults: (drawn) => observer.faults(drawn) }));
    const [first, second] = worlds.map(({ world }) => world.trace.digest());
    sameTrace(first!, second!);
  },
};
