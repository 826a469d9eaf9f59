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
    id: 'what-could-not-be-published-is-forgotten',
    ...{ invariant, scenario },
    seeds: [23],
    edits: [{ module: 'packages/agent/dist/io/outbox.js', find: 'line.pending ??= pending;', replace: '' }],
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
  {
    id: 'what-the-kernel-refused-once-is-not-tried-again',
    ...{ invariant, scenario },
    seeds: [19],
    edits: [
      { module: `${BALANCER}/io/configuration-intake.js`, find: '!outcome.ok && outcome.transient', replace: 'false' },
    ],
  },
];
