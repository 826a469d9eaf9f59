import type { Rows } from '../row.js';

/** Sentences of draft-18 §7, §8. */
export const PRIORITIES_AND_TIMEOUTS: Rows = {
  N101: {
    section: '7.1',
    keyword: 'SHOULD',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
  N102: {
    section: '7.2',
    keyword: 'SHOULD',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
  N103: {
    section: '7.2',
    keyword: 'SHOULD',
    says: 'control streams go first, then request streams, then Objects',
    code: [
      'protocol/src/session/own-request.ts#REQUEST_PRIORITY',
      'protocol/src/session/control-streams.ts#CONTROL_PRIORITY',
    ],
    tests: ['test/conformance/src/tests/priorities.test.ts'],
    broken: ['const REQUEST_PRIORITY = 1;', 'const REQUEST_PRIORITY = 300;'],
  },
  N104: {
    section: '7.3',
    keyword: 'SHOULD',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
  N105: {
    section: '7.3',
    keyword: 'SHOULD NOT',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
  N106: {
    section: '7.3',
    keyword: 'SHOULD',
    says: 'a default priority is in the middle of the range',
    code: ['protocol/src/model/objects.ts#DEFAULT_PUBLISHER_PRIORITY'],
    tests: ['test/conformance/src/tests/priorities.test.ts'],
    broken: ['DEFAULT_PUBLISHER_PRIORITY = 128', 'DEFAULT_PUBLISHER_PRIORITY = 255'],
  },
  N107: {
    section: '8',
    keyword: 'MUST',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
  N108: {
    section: '8',
    keyword: 'MUST/MUST/SHOULD NOT',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
  N109: {
    section: '8',
    keyword: 'SHOULD',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
  N110: {
    section: '8',
    keyword: 'SHOULD/MUST',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
  N111: {
    section: '8',
    keyword: 'SHOULD',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
  N112: {
    section: '8',
    keyword: 'MUST',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
  N113: {
    section: '8',
    keyword: 'MUST',
    says: '?',
    missing: 'nobody has looked at it yet',
  },
};
