import type { Mutant } from './mutant.js';

const BALANCER = 'packages/agent/dist/balancer';
const invariant = 'balancers-converge';
const scenario = 'balancer';

export const balancersConvergeMutants: readonly Mutant[] = [
  {
    id: 'the-first-configuration-stays',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCER}/io/bus-desired-source.js`,
        find: 'if (known !== undefined && group <= known.group)',
        replace: 'if (known !== undefined)',
      },
    ],
  },
  {
    id: 'pools-that-change-while-others-are-published-are-not-told',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCER}/io/pool-publisher.js`,
        find: 'line.pending = { pools };',
        replace: 'if (line.working) return; line.pending = { pools };',
      },
    ],
  },
  {
    id: 'pools-are-told-of-once',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCER}/core/ledger.js`,
        find: 'this.#publications.changed(pool.plan.name); this.saver.changed();',
        replace: 'this.saver.changed();',
      },
    ],
  },
];
