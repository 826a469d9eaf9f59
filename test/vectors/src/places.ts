import {
  CONTROL,
  CONTROL_FIRST,
  type MessageContext,
  REQUEST_FIRST,
  type RequestKind,
  requestContext,
} from '@higgins/protocol';

const REQUEST_KINDS: readonly RequestKind[] = [
  'track-status',
  'subscribe',
  'publish',
  'fetch',
  'publish-namespace',
  'subscribe-namespace',
  'subscribe-tracks',
];

/** Every place where a message may stand, by a name that a file can carry. */
export const PLACES: ReadonlyMap<string, MessageContext> = new Map([
  ['control-first', CONTROL_FIRST],
  ['control', CONTROL],
  ['request-first', REQUEST_FIRST],
  ...REQUEST_KINDS.flatMap((kind): [string, MessageContext][] => [
    [`${kind} requester`, requestContext(kind, 'requester', true)],
    [`${kind} unanswered`, requestContext(kind, 'responder', false)],
    [`${kind} answered`, requestContext(kind, 'responder', true)],
  ]),
]);

/** The place of that name; throws RangeError if there is none. */
export function placeOf(name: string): MessageContext {
  const context = PLACES.get(name);
  if (context === undefined) throw new RangeError(`no place is named ${name}`);
  return context;
}
