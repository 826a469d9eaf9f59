import { describe, expect, it } from 'vitest';
import { scheduleFaults } from '../frame/faults.js';
import { runSeed } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { BALANCER_RELAYS, BALANCERS, buildBalancers, CONTROL, MEMBERS } from '../topologies/balancers.js';
import { BALANCERS_CONVERGE_MS_MAX, balancer } from './balancer.js';

/** A fixed sample; `pnpm simulate` runs more. */
const SEEDS = [1, 9];

/** Seeds that found a fault, each with what was wrong. */
const FOUND: readonly (readonly [number, string])[] = [
  [23, 'the state of a pool was not told of after a disk had been full'],
  [19, 'a configuration that the kernel had refused once was never tried again'],
];

describe('balancers of a PoP', () => {
  it.each(FOUND)('seed %i, which found that %s, holds every invariant', async (seed) => {
    expect((await runSeed(balancer, seed)).violation).toBeNull();
  });

  it.each(SEEDS)('L4-76: seed %i holds every invariant, and its second run has the same trace', async (seed) => {
    const first = await runSeed(balancer, seed);
    expect(first.violation).toBeNull();
    expect(first.steps).toBeGreaterThan(1000);
    expect(await runSeed(balancer, seed)).toEqual(first);
  });

  it('L4-76: each side of a partition serves with what it has, and one configuration wins after it', async () => {
    const { simulation, topology } = await established();
    const [left, ...right] = BALANCERS;
    const before = topology.author.version;
    // The control plane and one balancer are on one side; the other balancers, with the members, on the other.
    scheduleFaults(
      simulation,
      right.flatMap((node) =>
        BALANCER_RELAYS.map((relay) => {
          const times = { atMs: simulation.world.nowMs, durationMs: 40_000 };
          return { kind: 'partition', left: relay, right: node, ways: 'both', ...times } as const;
        }),
      ),
    );
    await simulation.run(simulation.world.nowMs + 39_000);
    expect(topology.author.version).toBeGreaterThan(before + 2);
    expect(versions(topology)).toEqual([topology.author.version, before, before]);
    for (const kernel of topology.kernels.values())
      expect(serving(kernel).every(({ length }) => length > 0)).toBe(true);
    await converge(simulation, topology);
    expect(new Set(versions(topology))).toEqual(new Set([topology.author.version]));
    expect(topology.kernels.get(left!)!.flowsMade).toBeGreaterThan(50);
  });

  it('L4-38, L4-76: with the bus and all other nodes dead, members are ejected and come back within the check bound', async () => {
    const { simulation, topology } = await established({ authorUntilMs: 0 });
    for (const node of [CONTROL, ...BALANCER_RELAYS, ...BALANCERS.slice(1)]) simulation.nodes.get(node)!.crash();
    const kernel = topology.kernels.get(BALANCERS[0]!)!;
    const victim = serving(kernel)[0]![0]!;
    simulation.nodes.get(MEMBERS.find((name) => name === victim)!)!.crash();
    expect(await simulation.runUntilTrue(() => serving(kernel).every((names) => !names.includes(victim)), 4_500)).toBe(
      true,
    );
    simulation.nodes.get(victim)!.start();
    expect(await simulation.runUntilTrue(() => serving(kernel).every((names) => names.includes(victim)), 9_000)).toBe(
      true,
    );
  });

  it('L4-39, L4-76: nothing that the bus says of health changes a slot', async () => {
    const { simulation, topology } = await established({ authorUntilMs: 0 });
    const slots = () =>
      [...topology.kernels.values()].map((kernel) =>
        [...kernel.services()].map(({ table }) => [...table.slots].map((index) => table.members[index])),
      );
    const before = slots();
    // All along, a node that is not there tells that every member of every pool is ejected.
    await simulation.run(simulation.world.nowMs + 60_000);
    simulation.nodes.get(CONTROL)!.crash();
    await simulation.run(simulation.world.nowMs + 60_000);
    expect(slots()).toEqual(before);
  });

  it('L4-76: a node that reboots in a partition serves what it had', async () => {
    const { simulation, topology } = await established({ authorUntilMs: 0 });
    const node = simulation.nodes.get(BALANCERS[0]!)!;
    const kernel = topology.kernels.get(BALANCERS[0]!)!;
    const before = serving(kernel);
    for (const relay of BALANCER_RELAYS) simulation.network.partition(relay, node.name);
    node.reboot();
    expect([...kernel.services()]).toEqual([]);
    await simulation.run(simulation.world.nowMs + 1_000);
    node.start();
    await simulation.run(simulation.world.nowMs + 2_000);
    expect(serving(kernel)).toEqual(before);
    expect(topology.author.versionIn(kernel)).toBe(topology.author.version);
  });
});

type Topology = ReturnType<typeof buildBalancers>;

async function established(options: Parameters<typeof buildBalancers>[1] = {}) {
  const simulation = new Simulation(2026, { link: { latencyMs: 2 } });
  const topology = buildBalancers(simulation, { ttlMs: 12_000, clientsUntilMs: 300_000, ...options });
  topology.start();
  await simulation.run(12_000);
  expect(topology.author.version).toBeGreaterThan(0);
  return { simulation, topology };
}

async function converge(simulation: Simulation, topology: Topology): Promise<void> {
  await simulation.runUntilTrue(() => topology.converged(), BALANCERS_CONVERGE_MS_MAX);
  simulation.finish();
}

function versions({ kernels, author }: Topology): (number | null)[] {
  return [...kernels.values()].map((kernel) => author.versionIn(kernel));
}

/** Members that serve, by service. */
function serving(
  kernel: Topology['kernels'] extends ReadonlyMap<string, infer Kernel> ? Kernel : never,
): readonly string[][] {
  return [...kernel.services()].map(({ table }) => [...table.members]);
}
