import { Simulation } from '../../frame/simulation.js';
import { buildTwoTiers, PUBLISHER, type TwoTierOptions, type TwoTiers } from '../../topologies/two-tiers.js';
import { CONVERGENCE_MS_MAX } from '../two-tiers.js';

/** The TTL of every list in the named scenarios of two tiers. */
export const TTL_MS = 12_000;

/** When the first versions are in force everywhere. */
const ESTABLISHED_MS = 8000;
const SEED = 2026;

export interface Established {
  readonly simulation: Simulation;
  readonly topology: TwoTiers;
}

/** Origin, edge and three PoPs, in which the first versions are in force everywhere. */
export async function established(options: Partial<TwoTierOptions> = {}): Promise<Established> {
  const simulation = new Simulation(SEED, { link: { latencyMs: 2 } });
  const topology = buildTwoTiers(simulation, { ttlMs: TTL_MS, ...options });
  topology.start();
  await simulation.run(ESTABLISHED_MS);
  for (const { track } of topology.author.lists) {
    for (const [pop, kernel] of topology.kernels) {
      if (kernel.inForce(track) === null)
        throw new Error(`${pop} does not enforce ${track} after ${ESTABLISHED_MS} ms`);
    }
  }
  return { simulation, topology };
}

/** Waits until every PoP enforces the newest versions and the publisher's side knows; throws a Violation otherwise. */
export async function converge({ simulation, topology }: Established): Promise<void> {
  await simulation.runUntilTrue(() => topology.converged(), CONVERGENCE_MS_MAX);
  simulation.finish();
}

/** Kills the publisher once everything has converged; returns a track that is in force. */
export async function silence(stage: Established): Promise<string> {
  await converge(stage);
  stage.topology.node(PUBLISHER).crash();
  return stage.topology.author.lists[0]!.track;
}

/** How long the kernel of a PoP will go on enforcing a track if nothing comes any more. */
export function remainingMs({ topology }: Established, pop: string, track: string): number {
  const kernel = topology.kernels.get(pop)!;
  return kernel.inForce(track)!.deadlineBootMs! - kernel.bootMs();
}
