import type { Mutant } from './mutant.js';

const AGENT = 'packages/agent/dist';
const invariant = 'converges';
const scenario = 'agent';

/** Breaks of the agent around its core, which its own kernel and disk must bring to light. */
export const agentMutants: readonly Mutant[] = [
  {
    id: 'what-others-did-to-a-list-is-not-undone',
    ...{ invariant, scenario },
    seeds: [20],
    edits: [
      {
        module: `${AGENT}/io/runner.js`,
        find: 'if (!(await this.#target.changedByOthers())) return;',
        replace: 'return;',
      },
    ],
  },
  {
    id: 'a-list-that-the-kernel-refused-is-not-tried-again',
    ...{ invariant, scenario },
    seeds: [30],
    edits: [
      {
        module: `${AGENT}/core/agent-core.js`,
        find: 'entry.retryAtBootMs = now.bootMs + entry.retryMs * (0.5 + now.random / 2);',
        replace: '',
      },
    ],
  },
  {
    id: 'an-acknowledgement-that-met-a-full-disk-is-forgotten',
    ...{ invariant, scenario },
    seeds: [6],
    edits: [{ module: `${AGENT}/io/outbox.js`, find: 'line.pending ??= pending;', replace: '' }],
  },
];
