import type { Mutant } from './mutant.js';

const BALANCER = 'packages/agent/dist/balancer';
const invariant = 'pools-follow-local-health';
const scenario = 'balancer';

/** Every member of every pool fails its checks. */
const EJECT_ALL = `for (const [, pool] of this.configurations.pools())
  for (const name of pool.instances.keys()) for (let run = 0; run < 9; run++) pool.check(name, false, now);`;

export const poolsFollowLocalHealthMutants: readonly Mutant[] = [
  {
    id: 'a-lost-bus-ejects-every-member',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCER}/core/balancer-core.js`,
        find: 'this.nodes.bus(connected, now);',
        replace: `this.nodes.bus(connected, now); if (!connected) { ${EJECT_ALL} }`,
      },
    ],
  },
  {
    id: 'what-another-node-tells-is-believed',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCER}/core/balancer-core.js`,
        find: 'if (this.nodes.heard(key, node, live, now)) this.#reshare(key);',
        replace: EJECT_ALL,
      },
    ],
  },
  {
    id: 'a-stale-configuration-is-dropped',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCER}/io/bus-desired-source.js`,
        find: 'observer.stale(first ?? null);',
        replace: 'observer.stale(first ?? null); if (first) observer.changed({ loadBalancers: [] });',
      },
    ],
  },
  {
    id: 'failed-checks-take-nobody-out',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCER}/core/check-judge.js`,
        find: 'if (result.inconclusive !== true)',
        replace: 'if (result.ok)',
      },
    ],
  },
  {
    id: 'nobody-comes-back',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCER}/core/check-judge.js`,
        find: 'if (result.inconclusive !== true)',
        replace: 'if (!result.ok)',
      },
    ],
  },
  {
    id: 'after-a-reboot-nothing-is-known-without-the-bus',
    ...{ invariant, scenario },
    seeds: [4],
    edits: [
      {
        module: `${BALANCER}/io/bus-desired-source.js`,
        find: 'return this.#usable.size === 0 ? null : this.#whole();',
        replace: 'this.#usable.clear(); return null;',
      },
      {
        module: 'packages/client/dist/client.js',
        find: 'folder: (options.persistent ?? true)',
        replace: 'folder: false',
      },
    ],
  },
  {
    id: 'what-others-removed-stays-away',
    ...{ invariant, scenario },
    edits: [
      {
        module: `${BALANCER}/core/balancer-core.js`,
        find: 'if (findings.length === 0) return;',
        replace: 'return;',
      },
    ],
  },
];
