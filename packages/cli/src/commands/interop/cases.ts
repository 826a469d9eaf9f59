import { fullTrackName, type TrackNamespace, trackNamespace, utf8 } from '@higgins/protocol';
import { CaseFailure } from './failure.js';
import { errorText, type InteropPeer } from './peer.js';

/** What a case does its work with. */
export interface CaseContext {
  /** Opens a session; `role` names it in the report. */
  connect(role: string): Promise<InteropPeer>;
  delay(milliseconds: number): Promise<void>;
}

/** One case of the public MOQT interop runner. */
export interface InteropCase {
  readonly name: string;
  /** How long all of it may take, connecting included. */
  readonly limitMs: number;
  /** Rejects if the relay does not do what the case expects. */
  run(context: CaseContext): Promise<void>;
}

const NAMESPACE = namespaceOf('moq-test', 'interop');
const TRACK = fullTrackName(NAMESPACE, utf8('test-track'));
const MISSING_TRACK = fullTrackName(namespaceOf('nonexistent', 'namespace'), utf8('test-track'));
const ALIAS = 1;
/** How much later than the subscriber the publisher comes in `subscribe-before-announce`. */
const PUBLISHER_DELAY_MS = 500;
/** How long a relay that can wait for a publisher is asked to (RENDEZVOUS_TIMEOUT, draft-18 §10.2.6). */
const RENDEZVOUS_MS = 2_500;

/** The cases, in the runner's order. */
export const interopCases: readonly InteropCase[] = [
  {
    name: 'setup-only',
    limitMs: 2_000,
    run: async ({ connect }) => {
      await connect('client');
    },
  },
  {
    name: 'announce-only',
    limitMs: 2_000,
    run: async ({ connect }) => {
      const client = await connect('client');
      await client.announce(NAMESPACE);
    },
  },
  {
    name: 'publish-namespace-done',
    limitMs: 2_000,
    run: async ({ connect }) => {
      const client = await connect('client');
      const request = await client.announce(NAMESPACE);
      client.command((session) => session.cancel(request));
      // Any answer to a later request shows that the relay took the withdrawal for what it is.
      const later = client.command((session) => session.publishNamespace(NAMESPACE));
      await client.next(['request-ok', 'request-error'], 'an answer after the withdrawal', later);
    },
  },
  {
    name: 'subscribe-error',
    limitMs: 2_000,
    run: async ({ connect }) => {
      const client = await connect('client');
      const request = client.command((session) => session.subscribe(MISSING_TRACK, {}));
      const answer = await client.next(['subscribe-ok', 'request-error'], 'REQUEST_ERROR to SUBSCRIBE', request);
      if (answer.kind === 'subscribe-ok') {
        throw new CaseFailure('REQUEST_ERROR', 'SUBSCRIBE_OK', 'the relay accepted a track that nobody has');
      }
      if (answer.error.code === null) {
        throw new CaseFailure('REQUEST_ERROR', errorText(answer.error), 'the relay gave no reason');
      }
    },
  },
  {
    name: 'announce-subscribe',
    limitMs: 3_000,
    run: async ({ connect }) => {
      const publisher = await connect('publisher');
      publisher.serve(TRACK, ALIAS);
      await publisher.announce(NAMESPACE);
      const subscriber = await connect('subscriber');
      const request = subscriber.command((session) => session.subscribe(TRACK, {}));
      const answer = await subscriber.next(['subscribe-ok', 'request-error'], 'SUBSCRIBE_OK', request);
      if (answer.kind === 'request-error') {
        throw new CaseFailure('SUBSCRIBE_OK', errorText(answer.error), 'the relay did not find the publisher');
      }
    },
  },
  {
    name: 'subscribe-before-announce',
    limitMs: 3_500,
    run: async ({ connect, delay }) => {
      const subscriber = await connect('subscriber');
      const parameters = { rendezvousTimeoutMs: RENDEZVOUS_MS };
      const request = subscriber.command((session) => session.subscribe(TRACK, parameters));
      await delay(PUBLISHER_DELAY_MS);
      const publisher = await connect('publisher');
      publisher.serve(TRACK, ALIAS);
      await publisher.announce(NAMESPACE);
      // A relay that does not wait may say so; what it may not do is leave the subscriber without an answer.
      const answer = await subscriber.next(['subscribe-ok', 'request-error'], 'an answer to SUBSCRIBE', request);
      if (answer.kind === 'request-error' && answer.error.code === null) {
        throw new CaseFailure('SUBSCRIBE_OK or REQUEST_ERROR', errorText(answer.error), 'the relay gave no reason');
      }
    },
  },
];

function namespaceOf(...fields: readonly string[]): TrackNamespace {
  return trackNamespace(fields.map(utf8));
}
