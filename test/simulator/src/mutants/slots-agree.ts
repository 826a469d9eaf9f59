import type { Mutant } from './mutant.js';

const BALANCING = 'packages/balancing/dist';
const invariant = 'slots-agree';
const scenario = 'balancer';
/** Another number each time, as if drawn. */
const ANOTHER = '(globalThis.another = (globalThis.another ?? 0) + 1)';

export const slotsAgreeMutants: readonly Mutant[] = [
  {
    id: 'each-node-draws-its-seed',
    ...{ invariant, scenario },
    edits: [
      {
        module: 'packages/agent/dist/balancer/core/layout.js',
        find: '?? seedOf(loadBalancer)',
        replace: `?? ${ANOTHER}`,
      },
    ],
  },
  {
    id: 'the-kernel-hashes-with-a-seed-of-its-own',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCING}/selector.js`,
        find: "const choice = { kind: 'hash', key, seed, size };",
        replace: `const choice = { kind: 'hash', key, seed: ${ANOTHER}, size };`,
      },
    ],
  },
  {
    id: 'shares-depend-on-what-a-node-has-seen',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCING}/health/rotation.js`,
        find: 'return shareOf(entry, (100 / STEPS) * step);',
        replace: 'return shareOf(entry, Math.ceil((100 / STEPS) * step * (entry.record.ejections > 0 ? 0.5 : 1)));',
      },
    ],
  },
];
