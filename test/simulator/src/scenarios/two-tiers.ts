import { epochOf } from '@higgins/client';
import { requireCertificate } from '@higgins/relay/core';
import { memoryAuthorities, memoryIdentity } from '@higgins/transport';
import { drawFaults, type Fault, healAll, scheduleFaults } from '../frame/faults.js';
import type { SimulatedNode } from '../frame/node.js';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { bytesAreIdentical } from '../invariants/bytes-are-identical.js';
import { converges } from '../invariants/converges.js';
import { nothingOutlivesItsTtl } from '../invariants/nothing-outlives-its-ttl.js';
import { versionNeverGoesBack } from '../invariants/version-never-goes-back.js';
import { agentProgram } from '../programs/agent.js';
import { VirtualKernel } from '../programs/kernel.js';
import { ListAuthor } from '../programs/list-author.js';
import { publisherProgram } from '../programs/publisher.js';
import { relayProgram, relayUrl } from '../programs/relay.js';

const POPS = ['pop-1', 'pop-2', 'pop-3'];
const TTL_MS = 12_000;
const FAULTS_FROM_MS = 5_000;
const FAULTS_UNTIL_MS = 45_000;
const FAULT_MS_MAX = 15_000;
/** Longest time from the last fault to convergence: idle time-outs (4 s), back-off (10 s) at two hops, a renewal (4 s). */
const CONVERGENCE_MS_MAX = 40_000;
const AUTHORITY = 'simulated authority';

/** An origin relay, an edge relay, three PoPs, one publisher; faults of every kind, then peace, then the death of all. */
export const twoTiers: Scenario = {
  name: 'two-tiers',
  async run(seed, onBuilt) {
    const simulation = new Simulation(seed, { link: { latencyMs: 2 } });
    onBuilt(simulation);
    const author = new ListAuthor('acme', ['blocked', 'allowed']);
    const kernels = new Map<string, VirtualKernel>();
    const nodes = build(simulation, author, kernels);
    const convergence = converges(
      kernels,
      author.lists.map(({ track }) => ({ track, version: () => author.version(track) })),
    );
    simulation.hold(versionNeverGoesBack(), bytesAreIdentical(), nothingOutlivesItsTtl(kernels, epochOf), convergence);
    for (const node of nodes) node.start();
    const overAtMs = scheduleFaults(simulation, plan(simulation));
    await simulation.run(Math.max(overAtMs, FAULTS_UNTIL_MS));
    healAll(simulation);
    await simulation.runUntilTrue(() => convergence.holds(), CONVERGENCE_MS_MAX);
    simulation.finish();
    // Renewals keep the values in force, and nothing else happens.
    await simulation.run(simulation.world.nowMs + 2 * TTL_MS);
    simulation.finish();
    await dieOut(simulation);
  },
};

function build(simulation: Simulation, author: ListAuthor, kernels: Map<string, VirtualKernel>): SimulatedNode[] {
  const { random } = simulation;
  const authoritiesPem = memoryAuthorities(AUTHORITY);
  const trust = (name: string) => ({ authoritiesPem, identity: memoryIdentity({ issuer: AUTHORITY, subject: name }) });
  const machine = (name: string) => ({
    name,
    wallOffsetMs: random.between(-5000, 5000),
    driftPpm: random.between(-100, 100),
  });
  const relay = (name: string, upstreams: readonly string[]) =>
    simulation.node(machine(name), relayProgram({ ...trust(name), upstreams, authorizer: requireCertificate }));
  const nodes = [relay('origin', []), relay('edge', [relayUrl('origin')])];
  const publishing = {
    ...trust('publisher'),
    author,
    ttlMs: TTL_MS,
    intervalMs: 1000,
    untilMs: FAULTS_UNTIL_MS,
    pops: POPS,
  };
  nodes.push(simulation.node(machine('publisher'), publisherProgram({ ...publishing, relays: [relayUrl('origin')] })));
  const relays = [relayUrl('edge'), relayUrl('origin')];
  for (const pop of POPS) {
    nodes.push(
      simulation.node(machine(pop), (context) => agentProgram({ ...trust(pop), ...agent(pop), relays })(context)),
    );
  }
  const agent = (pop: string) => ({ pop, lists: author.lists, kernel: kernels.get(pop)!, enforceMs: 3 });
  for (const pop of POPS) kernels.set(pop, new VirtualKernel(simulation.nodes.get(pop)!.machine));
  for (const node of nodes) node.machine.disk.latencyMs = 2;
  connect(simulation);
  return nodes;
}

function connect({ network, random }: Simulation): void {
  network.configure('publisher', 'origin', { latencyMs: 2 });
  network.configure('origin', 'edge', { latencyMs: random.between(10, 120), jitterMs: random.between(0, 20) });
  for (const pop of POPS) {
    network.configure('edge', pop, { latencyMs: random.between(1, 15), jitterMs: random.between(0, 3) });
    network.configure('origin', pop, { latencyMs: random.between(30, 150), jitterMs: random.between(0, 20) });
  }
}

function plan({ random }: Simulation): Fault[] {
  const relays = ['origin', 'edge'];
  return drawFaults(random, {
    links: [['publisher', 'origin'], ['origin', 'edge'], ...POPS.map((pop) => ['edge', pop] as const)],
    nodes: {
      crash: [...relays, 'publisher', ...POPS],
      pause: [...relays, 'publisher', ...POPS],
      reboot: [...relays, 'publisher', ...POPS],
      sleep: ['publisher', ...POPS],
      'wall-clock-step': [...relays, 'publisher', ...POPS],
    },
    fromMs: FAULTS_FROM_MS,
    untilMs: FAULTS_UNTIL_MS,
    countMax: 8,
    durationMsMax: FAULT_MS_MAX,
  });
}

/** With everything dead but the kernels, values end on time: each step of this time is judged. */
async function dieOut(simulation: Simulation): Promise<void> {
  for (const node of simulation.nodes.values()) node.crash();
  const { world } = simulation;
  for (let afterMs = 5; afterMs <= TTL_MS + 1000; afterMs += 5) world.schedule(world.nowMs + afterMs, () => {});
  await simulation.run(world.nowMs + TTL_MS + 1000);
}
