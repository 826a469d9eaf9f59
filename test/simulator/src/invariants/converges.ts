import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { VirtualKernel } from '../programs/kernel.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'converges',
  statement: 'after faults heal, every PoP enforces the newest version and its acknowledgement arrives',
  design: [14, 16],
};

/** What every PoP should enforce and have acknowledged. */
export interface Expected {
  readonly track: string;
  /** The version that was committed last; 0: none. */
  version(): number;
}

/** Invariant 14 of the design, judged at the end of the run: its bound is how long the run goes on after the last fault. */
export function converges(
  kernels: ReadonlyMap<string, VirtualKernel>,
  expected: readonly Expected[],
): Invariant & {
  /** Whether everything has converged already. */
  holds(): boolean;
} {
  const { id } = guarantee;
  const acknowledged = new Map<string, number>();
  const lagging = (): string | null => {
    for (const { track, version } of expected) {
      if (version() === 0) continue;
      for (const [pop, kernel] of kernels) {
        const inForce = kernel.inForce(track)?.version ?? null;
        if (inForce !== version()) return `${pop} enforces version ${inForce} of ${track}, expected ${version()}`;
        const seen = acknowledged.get(`${pop} ${track}`) ?? null;
        if (seen !== version()) return `the acknowledgement of ${pop} for ${track} is ${seen}, expected ${version()}`;
      }
    }
    return null;
  };
  return {
    ...guarantee,
    observe(observation) {
      if (observation.kind !== 'acknowledged') return;
      acknowledged.set(`${observation.pop} ${observation.track}`, observation.version);
    },
    holds: () => lagging() === null,
    finish() {
      const problem = lagging();
      if (problem !== null) throw new Violation(id, problem);
    },
  };
}
