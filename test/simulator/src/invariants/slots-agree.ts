import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { BalancerView } from './pools-follow-local-health.js';

export const guarantee: Guarantee = {
  id: 'slots-agree',
  statement: 'nodes with the same pool and the same members in it have the same slots, at any time',
  design: [],
};

/** A flow that another node takes over stays with its member: L4-76, where both sides of a partition go on. */
export function slotsAgree(balancers: readonly Pick<BalancerView, 'node' | 'kernel'>[]): Invariant {
  const { id } = guarantee;
  /** Slots by service, members of the pool and members that serve. */
  const known = new Map<string, { readonly node: string; readonly slots: string }>();
  const looked = new Map<string, number>();
  return {
    ...guarantee,
    check() {
      for (const { node, kernel } of balancers) {
        const { generation } = kernel;
        if (looked.get(node) === generation) continue;
        looked.set(node, generation);
        for (const { id: service, members, table, choice } of kernel.services()) {
          const serving = [...table.members].sort().join(' ');
          const key = `${service}: ${[...members.keys()].join(' ')}; ${serving}`;
          const named = Array.from(table.slots, (index) => table.members[index]);
          const slots = JSON.stringify([choice, named]);
          const first = known.get(key) ?? { node, slots };
          known.set(key, first);
          if (first.slots === slots) continue;
          throw new Violation(id, `${node} has other slots than ${first.node} for ${service} with ${serving}`);
        }
      }
    },
  };
}
