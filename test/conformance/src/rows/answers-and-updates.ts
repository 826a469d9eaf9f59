import type { Rows } from '../row.js';

/** Sentences of draft-18 §10. */
export const ANSWERS_AND_UPDATES: Rows = {
  N220: {
    section: '10.5',
    keyword: 'MUST',
    says: 'Track Properties in a REQUEST_OK that has none close the session with PROTOCOL_VIOLATION',
    code: ['protocol/src/messages/request-ok.ts#requestOk'],
    tests: ['test/conformance/src/tests/messages.test.ts'],
    broken: [
      "if (reader.remaining > 0 && context.okScope !== 'track-status-ok') {",
      "if (reader.remaining > 0 && context.place === '') {",
    ],
  },
  N221: {
    section: '10.6.1',
    keyword: 'SHOULD',
    says: "a redirect without a URI is followed in the session's place",
    notFollowed:
      "A relay passes a redirect on to whoever asked; the SDK tells it to the application, since relays and names are the operator's choice.",
  },
  N222: {
    section: '10.6.1',
    keyword: 'MUST',
    says: 'a Connect URI in a redirect of a client closes the session with PROTOCOL_VIOLATION',
    code: ['protocol/src/session/state.ts#SessionState.checkRedirect'],
    tests: ['test/conformance/src/tests/messages.test.ts'],
    broken: [
      "if (this.role === 'server' && redirect.connectUri !== '') {",
      "if (this.role === 'server' && redirect.connectUri === '-') {",
    ],
  },
  N223: {
    section: '10.6.1',
    keyword: 'MUST/MUST',
    says: 'a Track Name in a redirect of a namespace request closes the session with PROTOCOL_VIOLATION',
    code: ['protocol/src/session/state.ts#SessionState.checkRedirect'],
    tests: ['test/conformance/src/tests/messages.test.ts'],
    broken: [
      'if (forNamespace && redirect.name.name.length > 0) throw',
      'if (forNamespace && redirect.name.name.length > 99) throw',
    ],
  },
  N224: {
    section: '10.6.2',
    keyword: 'SHOULD',
    says: 'the Retry Interval is one more than the milliseconds to wait',
    code: ['protocol/src/messages/request-error.ts#requestError'],
    tests: ['test/conformance/src/tests/messages.test.ts'],
    broken: ['retry === 0 ? null : retry - 1', 'retry === 0 ? null : retry'],
  },
  N225: {
    section: '10.6.2',
    keyword: 'SHOULD NOT',
    says: 'a Retry Interval of 0 says not to retry',
    code: ['protocol/src/messages/request-error.ts#requestError'],
    tests: ['test/conformance/src/tests/messages.test.ts', 'relay/src/core/discovery/discovery.test.ts'],
    broken: ['retry === 0 ? null : retry - 1', 'retry === 0 ? 0 : retry - 1'],
  },
  N226: {
    section: '10.6.2',
    keyword: 'SHOULD',
    says: 'REQUEST_ERROR has a relevant code',
    code: ['protocol/src/session/request-start.ts#RequestStart'],
    tests: ['test/conformance/src/tests/messages.test.ts'],
    broken: [
      'const error: RequestErrorInfo = { code, reason, retryIntervalMs };',
      'const error: RequestErrorInfo = { code: code && 0, reason, retryIntervalMs };',
    ],
  },
  N227: {
    section: '10.6.2',
    keyword: 'SHOULD',
    says: 'the sender says when a request can be retried',
    code: ['protocol/src/session/request-start.ts#RequestStart'],
    tests: ['test/conformance/src/tests/messages.test.ts'],
    broken: ['requests are open`, 1000)', 'requests are open`)'],
  },
  N228: {
    section: '10.6.2',
    keyword: 'SHOULD',
    says: 'a redirected request is made anew where the redirect says',
    notFollowed:
      "A relay passes a redirect on to whoever asked; the SDK tells it to the application, since relays and names are the operator's choice.",
  },
  N229: {
    section: '10.7',
    keyword: 'MUST',
    says: 'a successful SUBSCRIBE is answered SUBSCRIBE_OK',
    code: ['protocol/src/session/peer-subscription.ts#PeerSubscription'],
    tests: ['test/conformance/src/tests/requests.test.ts'],
    broken: ["this.accept({ kind: 'subscribe-ok', ok });", 'this.answered = ok.trackAlias !== null;'],
  },
  N230: {
    section: '10.9',
    keyword: 'MUST',
    says: 'a REQUEST_UPDATE has exactly one answer',
    code: ['protocol/src/session/incoming-updates.ts#IncomingUpdates'],
    tests: ['test/conformance/src/tests/requests.test.ts', 'relay/src/core/updates.test.ts'],
    broken: [
      "this.#target.send({ kind: 'request-ok', ok }, false);\n    this.#open--;",
      "this.#target.send({ kind: 'request-ok', ok }, false);",
    ],
  },
  N231: {
    section: '10.9.1',
    keyword: 'MUST',
    says: 'a failed update of a subscription ends it with UPDATE_FAILED',
    code: ['protocol/src/session/peer-subscription.ts#PeerSubscription'],
    tests: ['test/conformance/src/tests/requests.test.ts'],
    broken: ['PublishDoneCode.UPDATE_FAILED', 'PublishDoneCode.SUBSCRIPTION_ENDED'],
  },
  N232: {
    section: '10.9.1',
    keyword: 'MUST',
    says: 'a failed update of a FETCH resets its data',
    code: ['protocol/src/session/peer-fetch.ts#PeerFetch'],
    tests: ['test/conformance/src/tests/requests.test.ts'],
    broken: [
      'protected override updateRejected(): void {\n    this.#close();',
      'protected override updateRejected(): void {',
    ],
  },
  N233: {
    section: '10.9.1',
    keyword: 'MUST',
    says: 'a failed update of a namespace request closes its stream',
    code: [
      'protocol/src/session/peer-announcement.ts#PeerAnnouncement',
      'protocol/src/session/peer-prefix-request.ts#PeerPrefixRequest',
    ],
    tests: ['test/conformance/src/tests/requests.test.ts', 'relay/src/core/updates.test.ts'],
    broken: [
      'protected override updateRejected(): void {\n    this.#close();',
      'protected override updateRejected(): void {',
    ],
  },
  N234: {
    section: '10.9.1',
    keyword: 'MUST',
    says: 'each successful update has its REQUEST_OK',
    code: ['protocol/src/session/incoming-updates.ts#IncomingUpdates'],
    tests: ['test/conformance/src/tests/requests.test.ts'],
    broken: ['this.#open++;', '    this.#open = 1;'],
  },
  N235: {
    section: '10.9.2',
    keyword: 'MUST NOT',
    says: 'updated prefixes may not overlap with those of other requests of the same kind',
    code: ['protocol/src/session/prefix-claims.ts#PrefixClaims'],
    tests: ['test/conformance/src/tests/requests.test.ts'],
    broken: ['return hasPrefix(a, b) || hasPrefix(b, a);', 'return a.key === b.key;'],
  },
};
