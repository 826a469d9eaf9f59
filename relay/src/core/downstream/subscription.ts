import {
  add,
  type GroupOrder,
  type Location,
  RequestErrorCode,
  type RequestId,
  type SubscribeParameters,
  type SubscriptionFilter,
  type Vi64,
} from '@higgins/protocol';
import type { ReceiverSet } from '@higgins/transport';
import { after, FIRST_LOCATION } from '../locations.js';
import type { Peer } from '../peer.js';
import { timeoutOf } from '../properties.js';
import { type WheelTimer, wheelTimer } from '../timer-wheel.js';
import type { Track } from '../track.js';
import type { PendingJoin } from './fetch-requests.js';
import type { LiveSubgroup } from './live-subgroup.js';
import type { SharedSet } from './shared-set.js';

/** Which message started a subscription: the subscriber's SUBSCRIBE, or this relay's PUBLISH. */
export type Initiator = 'subscriber' | 'publisher';

/** What one peer gets of one track, from SUBSCRIBE or PUBLISH to its end. */
export class Subscription {
  readonly kind = 'subscription';
  readonly peer: Peer;
  /** The peer's for a SUBSCRIBE, ours for a PUBLISH. */
  readonly request: RequestId;
  readonly initiator: Initiator;
  readonly track: Track;
  parameters: SubscribeParameters;
  state: 'waiting' | 'established' | 'ended' = 'waiting';
  /** A PUBLISH that has no answer yet: what comes meanwhile is kept for the time after it. */
  pending = false;
  /** The alias told in SUBSCRIBE_OK or PUBLISH. */
  alias: Vi64 = 0;
  /** The first Location that passes the filter, and the last group, null for no end. */
  start: Location = FIRST_LOCATION;
  endGroup: Vi64 | null = null;
  /** The Joining Location (draft-18 §5.1), null if there were no objects. */
  joining: Location | null = null;
  /** Joining fetches that came before the subscription was established. */
  readonly joins: PendingJoin[] = [];
  /** The set that it shares with others, or null while it is served singly. */
  shared: SharedSet | null = null;
  /** The set that it has for itself, once it needed one. */
  own: ReceiverSet | null = null;
  /** Streams of sets that it has left. */
  streamsOpened = 0;
  /** Subgroups that the receiver could not take, in the order of their opening. */
  missed: LiveSubgroup[] = [];
  /** While it is pending: the first object that is due to it of each Subgroup. */
  readonly heldFrom = new Map<LiveSubgroup, Vi64>();
  /** Since when it is behind; null if it is not. */
  behindSinceMs: number | null = null;
  /** It was behind, and is served singly until it has taken some groups without a miss. */
  recovering = false;
  /** Groups that it took in a row since it was last behind. */
  takenInARow = 0;
  /** Waiting: gives up. Behind: ends it. */
  readonly timer: WheelTimer;

  constructor(
    peer: Peer,
    request: RequestId,
    initiator: Initiator,
    track: Track,
    parameters: SubscribeParameters,
    onTimer: (subscription: Subscription) => void,
  ) {
    this.peer = peer;
    this.request = request;
    this.initiator = initiator;
    this.track = track;
    this.parameters = parameters;
    this.timer = wheelTimer(() => onTimer(this));
  }

  get forward(): boolean {
    return this.parameters.forward ?? true;
  }

  get priority(): number {
    return this.parameters.subscriberPriority ?? 128;
  }

  get groupOrder(): GroupOrder {
    return this.parameters.groupOrder ?? this.track.policy.groupOrder;
  }

  /** How old an object may be when it is sent, in ms; Infinity: any age. The smaller wish of both sides (draft-18 §8). */
  get deliveryTimeoutMs(): number {
    const { objectDeliveryTimeoutMs } = this.track.policy;
    return Math.min(objectDeliveryTimeoutMs, timeoutOf(this.parameters.objectDeliveryTimeoutMs));
  }

  /** How long a Subgroup may take to be delivered once all of it has been published, in ms; Infinity: any time. */
  get subgroupTimeoutMs(): number {
    const { subgroupDeliveryTimeoutMs } = this.track.policy;
    return Math.min(subgroupDeliveryTimeoutMs, timeoutOf(this.parameters.subgroupDeliveryTimeoutMs));
  }

  /** The subscriber allows the relay to skip older groups. */
  get conflating(): boolean {
    return timeoutOf(this.parameters.objectDeliveryTimeoutMs) !== Number.POSITIVE_INFINITY;
  }

  /** Whether an object at that place is due to the subscriber. */
  wants(group: Vi64, object: Vi64): boolean {
    if (!this.forward) return false;
    if (this.endGroup !== null && group > this.endGroup) return false;
    return group > this.start.group || (group === this.start.group && object >= this.start.object);
  }

  /** Why a filter can't be served: everything that it lets through is over (draft-18 §5.1.2); null: it can. */
  refusalOf(filter: SubscriptionFilter | undefined): { readonly code: number; readonly reason: string } | null {
    const { largest } = this.track;
    if (filter?.kind !== 'absolute-range' || largest === null || filter.endGroup >= largest.group) return null;
    return { code: RequestErrorCode.INVALID_RANGE, reason: `group ${filter.endGroup} is over` };
  }

  /** Sets start and end by a filter; relative ones count from `largest` (draft-18 §5.1.2). */
  applyFilter(filter: SubscriptionFilter | undefined, largest: Location | null): void {
    this.endGroup = filter?.kind === 'absolute-range' ? filter.endGroup : null;
    this.start = startOf(filter, largest);
  }
}

function startOf(filter: SubscriptionFilter | undefined, largest: Location | null): Location {
  switch (filter?.kind) {
    case 'largest-object':
      return largest === null ? FIRST_LOCATION : after(largest);
    case 'next-group-start':
      return largest === null ? FIRST_LOCATION : { group: add(largest.group, 1), object: 0 };
    case 'absolute-start':
    case 'absolute-range':
      return filter.start;
    case undefined:
      return FIRST_LOCATION;
  }
}
