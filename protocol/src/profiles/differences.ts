import type { MessageKind } from '../messages/message.js';
import type { MessageParameters } from '../messages/parameters.js';
import type { ProfileRules } from './profile.js';

/** What a profile of a later draft puts in the place of something of draft-18, or beside it. */
export type Override =
  /** A codec of another form, or none, for a kind of message. */
  | { readonly at: 'codec'; readonly kind: MessageKind }
  /** A codec for a kind of message that draft-18 does not have. */
  | { readonly at: 'new codec'; readonly name: string }
  /** A parameter with another encoding or other places, or none. */
  | { readonly at: 'parameter'; readonly name: keyof MessageParameters }
  /** A parameter that draft-18 does not have. */
  | { readonly at: 'new parameter'; readonly name: string; readonly code: number }
  /** Another rule for sessions or data streams. */
  | { readonly at: 'rule'; readonly rule: keyof ProfileRules };

/** One change on the way from draft-18 to draft-22. */
export interface Difference {
  /** The draft that brought it. */
  readonly draft: number;
  readonly what: string;
  readonly overrides: readonly Override[];
}

/**
 * What `moqt-22` will override, as far as the wire and the rules of sessions go; draft-21 changes nothing on the wire.
 * Private Properties stay where they are: 0x3800 to 0x3FFF are free to use in both drafts.
 *
 * A test holds each row against the profile of draft-18, so that none names what is not a seam.
 */
export const DIFFERENCES_18_TO_22: readonly Difference[] = [
  {
    draft: 19,
    what: 'a session may hold several subscriptions to one track',
    overrides: [{ at: 'rule', rule: 'concurrentSubscriptions' }],
  },
  {
    draft: 19,
    what: 'PUBLISH_BLOCKED gives way to PUBLISH_SKIPPED',
    overrides: [
      { at: 'codec', kind: 'publish-blocked' },
      { at: 'new codec', name: 'publish-skipped' },
    ],
  },
  { draft: 19, what: 'GOAWAY has no Request ID', overrides: [{ at: 'codec', kind: 'goaway' }] },
  { draft: 19, what: 'filters by ranges', overrides: [{ at: 'parameter', name: 'filter' }] },
  {
    draft: 19,
    what: 'MAX_REQUEST_UPDATES bounds the updates without an answer',
    overrides: [{ at: 'codec', kind: 'setup' }],
  },
  {
    draft: 20,
    what: 'joining FETCHes are gone, and Fetch Type with them: the same bytes would be read as something else',
    overrides: [{ at: 'codec', kind: 'fetch' }],
  },
  {
    draft: 20,
    what: 'FILL_PARAMETERS on SUBSCRIBE takes their place; with its leading count, and read without it too',
    overrides: [{ at: 'new parameter', name: 'fillParameters', code: 0x23 }],
  },
  {
    draft: 20,
    what: 'LOCATION_FILTER takes the place of SUBSCRIPTION_FILTER, with inclusive ends',
    overrides: [{ at: 'parameter', name: 'filter' }],
  },
  {
    draft: 20,
    what: 'PUBLISH_STATE_NOTIFY',
    overrides: [{ at: 'new codec', name: 'publish-state-notify' }],
  },
  {
    draft: 20,
    what: 'INCLUDE_PROPERTIES',
    overrides: [{ at: 'new parameter', name: 'includeProperties', code: 0x35 }],
  },
  {
    draft: 20,
    what: 'a range of a fetch stream may end because its time was up (0x20C)',
    overrides: [{ at: 'rule', rule: 'rangeEnds' }],
  },
  {
    draft: 22,
    what: 'LOCATION_FILTER is told by its type: 0 none, 1 a relative start, 2 an absolute one, 3 and 4 with an end, 5 the next Object',
    overrides: [{ at: 'parameter', name: 'filter' }],
  },
  { draft: 22, what: 'an empty Track Name is an error', overrides: [{ at: 'rule', rule: 'emptyTrackNames' }] },
];
