import type { Location } from './location.js';
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

/** What a REQUEST_UPDATE of a subscription may change; absent parameters stay as they are. */
export type RequestUpdateParameters = SubscribeParameters;
