import type { NodePools } from '@higgins/signals';
import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { GatewayAuthor } from '../programs/balancer-author.js';
import type { BalancerView } from './pools-follow-local-health.js';

export const guarantee: Guarantee = {
  id: 'balancers-converge',
  statement: 'after faults heal, every balancer has the newest configuration and all of its members, and the bus knows',
  design: [10, 14],
};

/** L4-76: after healing one configuration wins everywhere without an operator. Judged at the end of a run. */
export function balancersConverge(
  balancers: readonly Pick<BalancerView, 'node' | 'kernel'>[],
  author: Pick<GatewayAuthor, 'version' | 'versionIn' | 'membersOf'>,
  told: ReadonlyMap<string, NodePools>,
): Invariant & {
  /** Whether everything has converged already. */
  holds(): boolean;
} {
  const { id } = guarantee;
  const lagging = (): string | null => {
    const { version } = author;
    const expected = author.membersOf(version).map(({ name }) => name);
    for (const { node, kernel } of balancers) {
      const inForce = author.versionIn(kernel);
      if (inForce !== version) return `${node} has version ${inForce}, expected ${version}`;
      for (const { id: service, table } of kernel.services()) {
        const missing = expected.filter((name) => !table.members.includes(name));
        if (missing.length > 0) return `${node} sends nothing of ${service} to ${missing.join(', ')}`;
      }
      const problem = misinformed(told.get(node), expected);
      if (problem !== null) return `the bus says of ${node}: ${problem}`;
    }
    return null;
  };
  return {
    ...guarantee,
    holds: () => lagging() === null,
    finish() {
      const problem = lagging();
      if (problem !== null) throw new Violation(id, problem);
    },
  };
}

function misinformed(told: NodePools | undefined, expected: readonly string[]): string | null {
  if (told === undefined) return 'nothing';
  for (const { name: pool, members } of told.pools) {
    const names = members.filter(({ status }) => status === 'active').map(({ name }) => name);
    if (names.join() !== expected.join())
      return `${names.join(', ')} serve in ${pool}, expected ${expected.join(', ')}`;
  }
  return null;
}
