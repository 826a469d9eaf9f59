import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const leavingLosesNothingMutants: readonly Mutant[] = [
  {
    id: 'a-client-leaves-before-the-next-session-has-caught-up',
    invariant: 'leaving-loses-nothing',
    scenario: 'load-drain',
    edits: [
      {
        module: `${CLIENT}/relay-connector.js`,
        find: 'if (done || runtime.bootMs() >= untilBootMs)',
        replace: 'if (runtime.bootMs() > 0 || done || untilBootMs)',
      },
      { module: `${CLIENT}/limits.js`, find: 'HANDOVER_CHECK_MS = 50', replace: 'HANDOVER_CHECK_MS = 0' },
    ],
  },
  {
    id: 'a-relay-leaves-before-the-next-upstream-has-caught-up',
    invariant: 'leaving-loses-nothing',
    scenario: 'load-drain',
    edits: [
      {
        module: `${RELAY}/upstream/sources.js`,
        find: "if (source.peer !== old && source.state === 'established' && source.join === null)",
        replace: 'if (source !== old)',
      },
    ],
  },
  {
    id: 'a-relay-that-drains-tells-nobody',
    invariant: 'leaving-loses-nothing',
    scenario: 'load-drain',
    edits: [
      {
        module: `${RELAY}/relay-core.js`,
        find: 'peer.session.goaway(newSessionUri, Math.ceil(timeoutMs));',
        replace: ';',
      },
    ],
  },
  {
    id: 'a-client-that-is-sent-away-stays',
    invariant: 'leaving-loses-nothing',
    scenario: 'load-drain',
    edits: [
      {
        module: `${CLIENT}/link.js`,
        find: 'if (request === null) this.#options.onGoaway(this, newSessionUri);',
        replace: ';',
      },
    ],
  },
];
