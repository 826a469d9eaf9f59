import { describe, expect, it } from 'vitest';
import { scheduleFaults } from '../frame/faults.js';
import { runSeed } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { buildTwoTiers } from '../topologies/two-tiers.js';
import { agent } from './agent.js';

/** A fixed sample; `pnpm simulate` runs more. */
const SEEDS = [1, 4, 7];

describe('agents whose kernels misbehave', () => {
  it.each(SEEDS)('BUS-36: seed %i holds every invariant, and its second run has the same trace', async (seed) => {
    const first = await runSeed(agent, seed);
    expect(first.violation).toBeNull();
    expect(await runSeed(agent, seed)).toEqual(first);
  });

  it('undoes what others changed within two seconds', async () => {
    const { simulation, kernel, track } = await established();
    scheduleFaults(simulation, [{ kind: 'target-drift', node: 'pop-1', atMs: simulation.world.nowMs, durationMs: 0 }]);
    await simulation.run(simulation.world.nowMs);
    expect(kernel.inForce(track)).toBeNull();
    expect(await simulation.runUntilTrue(() => kernel.inForce(track) !== null, 2_000)).toBe(true);
  });

  it('keeps the last good value while the kernel refuses newer ones, says so, and enforces the newest afterwards', async () => {
    const { simulation, topology, kernel, track } = await established();
    const before = topology.author.version(track);
    const times = { atMs: simulation.world.nowMs, durationMs: 9_000 };
    const overAtMs = scheduleFaults(simulation, [{ kind: 'target-refuses', node: 'pop-1', ...times }]);
    await simulation.run(overAtMs - 1);
    expect(topology.author.version(track)).toBeGreaterThan(before);
    expect(kernel.inForce(track)?.version).toBe(before);
    expect(simulation.history('pop-1').join('\n')).toContain('list not enforced');
    const newest = () => kernel.inForce(track)?.version === topology.author.version(track);
    expect(await simulation.runUntilTrue(newest, 31_000)).toBe(true);
  });
});

async function established() {
  const simulation = new Simulation(2026, { link: { latencyMs: 2 } });
  const topology = buildTwoTiers(simulation, { ttlMs: 30_000, authorUntilMs: 60_000 });
  topology.start();
  await simulation.run(8_000);
  const { track } = topology.author.lists[0]!;
  const kernel = topology.kernels.get('pop-1')!;
  expect(kernel.inForce(track)).not.toBeNull();
  return { simulation, topology, kernel, track };
}
