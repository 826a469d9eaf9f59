import type { Location } from './location.js';
import type { TrackNamespace } from './names.js';
import type { Vi64 } from './vi64.js';

/** An AUTHORIZATION TOKEN with its alias resolved (draft-18 §10.2.2). On the wire it is Alias Type USE_VALUE. */
export interface AuthorizationToken {
  readonly type: Vi64;
  readonly value: Uint8Array;
}

/** What a request needs to be allowed; every request may carry it. */
export interface AuthorizationParameters {
  readonly authorizationTokens?: readonly AuthorizationToken[];
}

/** Which of two Groups goes first: the one with the smaller Group ID, or the other. */
export type GroupOrder = 'ascending' | 'descending';

/** Draft-18 §5.1.2; absent means unfiltered. */
export type SubscriptionFilter =
  | { readonly kind: 'largest-object' }
  | { readonly kind: 'next-group-start' }
  | { readonly kind: 'absolute-start'; readonly start: Location }
  | { readonly kind: 'absolute-range'; readonly start: Location; readonly endGroup: Vi64 };

/** Absent parameters have the draft's defaults: priority 128, publisher's group order, forward, no time-outs. */
export interface SubscribeParameters extends AuthorizationParameters {
  readonly filter?: SubscriptionFilter;
  readonly subscriberPriority?: number;
  readonly groupOrder?: GroupOrder;
  readonly forward?: boolean;
  readonly objectDeliveryTimeoutMs?: Vi64;
  readonly subgroupDeliveryTimeoutMs?: Vi64;
  readonly rendezvousTimeoutMs?: Vi64;
  readonly newGroupRequest?: Vi64;
}

/** Absent parameters have the draft's defaults: priority 128, ascending, and a time-out of the relay's choice. */
export interface FetchParameters extends AuthorizationParameters {
  readonly subscriberPriority?: number;
  readonly groupOrder?: GroupOrder;
  readonly fillTimeoutMs?: Vi64;
}

/** What a publisher says of a PUBLISH (draft-18 §10.10); `forward` absent: it sends at once. */
export interface PublishParameters extends AuthorizationParameters {
  readonly expiresMs?: Vi64;
  readonly largest?: Location;
  readonly forward?: boolean;
}

/** What a SUBSCRIBE_TRACKS asks for (draft-18 §10.19); `forward`: of the PUBLISHes that follow from it, default true. */
export interface SubscribeTracksParameters extends AuthorizationParameters {
  readonly forward?: boolean;
}

/** What a REQUEST_UPDATE may change; absent parameters stay as they are. */
export interface RequestUpdateParameters extends SubscribeParameters {
  /** Of a SUBSCRIBE_NAMESPACE or SUBSCRIBE_TRACKS, and of no other request (draft-18 §10.9.2). */
  readonly namespacePrefix?: TrackNamespace;
}
