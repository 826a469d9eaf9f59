import type { MessageContext, MessageKind } from './message.js';
import type { ParameterScope } from './parameters.js';

/** The messages that may come first on a bidirectional stream (draft-18 §3.3). */
export type RequestKind =
  | 'track-status'
  | 'subscribe'
  | 'publish'
  | 'fetch'
  | 'publish-namespace'
  | 'subscribe-namespace'
  | 'subscribe-tracks';

const REQUEST_KINDS: readonly RequestKind[] = [
  'track-status',
  'subscribe',
  'publish',
  'fetch',
  'publish-namespace',
  'subscribe-namespace',
  'subscribe-tracks',
];

/** The control stream until SETUP has come. */
export const CONTROL_FIRST: MessageContext = context('control stream before setup', ['setup'], { control: true });

/** The control stream after SETUP. */
export const CONTROL: MessageContext = context('control stream', ['goaway'], { control: true });

/** A bidirectional stream until its first message has come. */
export const REQUEST_FIRST: MessageContext = context('start of a request stream', REQUEST_KINDS, {});

/**
 * What may come on the stream of a request after its first message, from the endpoint that is `sender` there.
 * `answered`: whether the response to the request itself has passed; from then on REQUEST_OK is about an update.
 */
export function requestContext(
  request: RequestKind,
  sender: 'requester' | 'responder',
  answered: boolean,
): MessageContext {
  const row = ROWS[request];
  if (sender === 'requester') return row.requester;
  return answered ? row.answered : row.unanswered;
}

interface Row {
  readonly requester: MessageContext;
  readonly unanswered: MessageContext;
  readonly answered: MessageContext;
}

// Draft-18 §10 (table) and the sections of the requests. The publisher of a PUBLISH is its requester, so PUBLISH_DONE
// comes from that side, and both sides may update.
const ROWS: Readonly<Record<RequestKind, Row>> = {
  'track-status': row('track-status', [], ['request-ok'], [], 'track-status-ok', 'update-announcement'),
  subscribe: row(
    'subscribe',
    ['request-update'],
    ['subscribe-ok'],
    ['request-ok', 'publish-done'],
    'update-ok',
    'update-subscription',
  ),
  publish: row(
    'publish',
    ['request-update', 'request-ok', 'request-error', 'publish-done'],
    ['request-ok'],
    ['request-ok', 'request-update'],
    'publish-ok',
    'update-subscription',
  ),
  fetch: row('fetch', ['request-update'], ['fetch-ok'], ['request-ok'], 'update-ok', 'update-fetch'),
  'publish-namespace': row(
    'publish-namespace',
    ['request-update'],
    ['request-ok'],
    ['request-ok'],
    'publish-namespace-ok',
    'update-announcement',
  ),
  'subscribe-namespace': row(
    'subscribe-namespace',
    ['request-update'],
    ['request-ok'],
    ['request-ok', 'namespace', 'namespace-done'],
    'subscribe-namespace-ok',
    'update-prefix',
  ),
  'subscribe-tracks': row(
    'subscribe-tracks',
    ['request-update'],
    ['request-ok'],
    ['request-ok', 'publish-blocked'],
    'subscribe-tracks-ok',
    'update-prefix',
  ),
};

function row(
  request: RequestKind,
  requester: readonly MessageKind[],
  unanswered: readonly MessageKind[],
  answered: readonly MessageKind[],
  okScope: ParameterScope,
  updateScope: ParameterScope,
): Row {
  const updated = { okScope: 'update-ok', updateScope } as const;
  return {
    requester: context(`requester's side of ${request}`, [...requester, 'goaway'], updated),
    unanswered: context(`response to ${request}`, [...unanswered, 'request-error', 'goaway'], { okScope, updateScope }),
    answered: context(`responder's side of ${request}`, [...answered, 'request-error', 'goaway'], updated),
  };
}

function context(
  place: string,
  allowed: readonly MessageKind[],
  options: { okScope?: ParameterScope; updateScope?: ParameterScope; control?: boolean },
): MessageContext {
  return {
    place,
    allowed: new Set(allowed),
    okScope: options.okScope ?? 'update-ok',
    updateScope: options.updateScope ?? 'update-subscription',
    control: options.control ?? false,
  };
}
