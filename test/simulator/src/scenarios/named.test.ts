import { describe, expect, it } from 'vitest';
import { scheduleFaults } from '../frame/faults.js';
import { Simulation } from '../frame/simulation.js';
import { buildTwoTiers, POPS, PUBLISHER, RELAYS, type TwoTierOptions } from '../topologies/two-tiers.js';
import { CONVERGENCE_MS_MAX, dieOut } from './two-tiers.js';

const TTL_MS = 12_000;

describe('two tiers: named scenarios', () => {
  it('BUS-09: Group IDs rise while the publisher crashes again and again', async () => {
    const { simulation, topology } = await established({ authorUntilMs: 120_000 });
    scheduleFaults(
      simulation,
      Array.from({ length: 12 }, (_, index) => ({
        kind: 'crash',
        node: PUBLISHER,
        atMs: 10_000 + index * 9000,
        durationMs: 700,
      })),
    );
    await simulation.run(120_000);
    await converge(simulation, topology);
    expect(topology.author.lists.every(({ track }) => topology.author.version(track) > 5)).toBe(true);
  });

  it('BUS-36: an hour of flapping relays needs no operator', async () => {
    const { simulation, topology } = await established({ authorUntilMs: 3_600_000, intervalMs: 20_000 });
    const faults = Array.from({ length: 60 }, (_, index) => {
      const times = { atMs: 20_000 + index * 59_000, durationMs: 1000 + (index % 12) * 1000 };
      return { kind: 'crash', node: RELAYS[index % RELAYS.length]!, ...times } as const;
    });
    const overAtMs = scheduleFaults(simulation, faults);
    await simulation.run(Math.max(overAtMs, 3_600_000));
    await converge(simulation, topology);
  });

  it.each(['crash', 'reboot'] as const)(
    'BUS-37: an agent that starts alone after a %s enforces for the remaining TTL, not for a fresh one',
    async (kind) => {
      const { simulation, topology } = await established();
      const track = await silence(simulation, topology);
      for (const relay of RELAYS) topology.node(relay).crash();
      const kernel = topology.kernels.get('pop-1')!;
      const dueMs = simulation.world.nowMs + remainingMs(topology, 'pop-1', track);
      const other = topology.kernels.get('pop-2')!;
      await simulation.run(simulation.world.nowMs + TTL_MS * 0.4);
      if (kind === 'crash') topology.node('pop-1').crash();
      else topology.node('pop-1').reboot();
      await simulation.run(simulation.world.nowMs + 500);
      topology.node('pop-1').start();
      await simulation.run(simulation.world.nowMs + 500);
      expect(kernel.inForce(track)?.version).toBe(topology.author.version(track));
      await simulation.run(dueMs - 50);
      expect([kernel.inForce(track) !== null, other.inForce(track) !== null]).toEqual([true, true]);
      await simulation.run(dueMs + 50);
      expect(kernel.inForce(track)).toBeNull();
    },
  );

  it('BUS-43: a PoP that is cut off goes to its default at the TTL, and back at once with the first fresh object', async () => {
    const { simulation, topology } = await established({ authorUntilMs: 600_000 });
    for (const relay of RELAYS) simulation.network.partition(relay, 'pop-1');
    await simulation.run(simulation.world.nowMs + TTL_MS + 500);
    const kernel = topology.kernels.get('pop-1')!;
    const inForce = () => topology.author.lists.filter(({ track }) => kernel.inForce(track) !== null).length;
    expect(inForce()).toBe(0);
    await simulation.run(simulation.world.nowMs + 60_000);
    expect(inForce()).toBe(0);
    simulation.network.healAll();
    expect(await simulation.runUntilTrue(() => inForce() === 2, CONVERGENCE_MS_MAX)).toBe(true);
  });

  it('BUS-45: with every relay, publisher and agent dead, values end at their TTL', async () => {
    const { simulation, topology } = await established();
    const { track } = topology.author.lists[0]!;
    expect(topology.kernels.get('pop-3')!.inForce(track)).not.toBeNull();
    await dieOut(simulation, TTL_MS);
    for (const kernel of topology.kernels.values()) expect(kernel.inForce(track)).toBeNull();
  });

  it('BUS-49: an unchanged value stays in force while its publisher lives, at a late joiner too', async () => {
    const { simulation, topology } = await established({ authorUntilMs: 20_000 });
    await simulation.run(simulation.world.nowMs + 20_000);
    topology.node('pop-2').crash();
    topology.node('pop-2').machine.disk.lose();
    let gaps = 0;
    const steady = [topology.kernels.get('pop-1')!, topology.kernels.get('pop-3')!];
    await simulation.runUntilTrue(() => {
      gaps += steady.filter((kernel) =>
        topology.author.lists.some(({ track }) => kernel.inForce(track) === null),
      ).length;
      return false;
    }, 3 * TTL_MS);
    expect(gaps).toBe(0);
    topology.node('pop-2').start();
    await converge(simulation, topology);
  });

  it('BUS-52: clocks that are wrong by an hour and step lengthen no TTL', async () => {
    const { simulation, topology } = await established({ wallOffsetMsMax: 3_600_000 });
    const faults = [PUBLISHER, ...RELAYS, ...POPS].flatMap((node, index) =>
      [-1, 1].map((sign) => ({
        ...{ kind: 'wall-clock-step' as const, node, byMs: sign * 3_600_000 },
        ...{ atMs: 12_000 + index * 2000 + sign * 300, durationMs: 0 },
      })),
    );
    await simulation.run(scheduleFaults(simulation, faults) + 20_000);
    await converge(simulation, topology);
    await dieOut(simulation, TTL_MS);
    for (const kernel of topology.kernels.values()) {
      for (const { track } of topology.author.lists) expect(kernel.inForce(track)).toBeNull();
    }
  });
});

type Topology = ReturnType<typeof buildTwoTiers>;

/** A topology in which the first versions are in force everywhere. */
async function established(
  options: Partial<TwoTierOptions> = {},
): Promise<{ simulation: Simulation; topology: Topology }> {
  const simulation = new Simulation(2026, { link: { latencyMs: 2 } });
  const topology = buildTwoTiers(simulation, { ttlMs: TTL_MS, ...options });
  topology.start();
  await simulation.run(8000);
  expect(topology.author.lists.every(({ track }) => topology.author.version(track) > 0)).toBe(true);
  return { simulation, topology };
}

async function converge(simulation: Simulation, topology: Topology): Promise<void> {
  await simulation.runUntilTrue(() => topology.converged(), CONVERGENCE_MS_MAX);
  simulation.finish();
}

/** Kills the publisher once everything has converged; returns a track that is in force. */
async function silence(simulation: Simulation, topology: Topology): Promise<string> {
  await converge(simulation, topology);
  topology.node(PUBLISHER).crash();
  return topology.author.lists[0]!.track;
}

function remainingMs(topology: Topology, pop: string, track: string): number {
  const kernel = topology.kernels.get(pop)!;
  return kernel.inForce(track)!.deadlineBootMs! - kernel.bootMs();
}
