import { compareLocations, type GroupOrder, type Location, type Vi64 } from '@higgins/protocol';
import type { Connection, ReceiverSet } from '@higgins/transport';
import { FIRST_LOCATION } from '../locations.js';
import type { RelayContext, SetListener } from '../relay-context.js';
import type { Subscription } from './subscription.js';

/** What a set tells the fan-out that owns it. */
export interface SharedSetOwner {
  missed(subscription: Subscription, key: number): void;
  drained(subscription: Subscription): void;
}

/**
 * The subscriptions of one track that receive identical bytes and are treated alike: one wire variant (alias), either
 * all of them allow groups to be skipped or none does, and one Group order.
 */
export class SharedSet implements SetListener {
  readonly alias: Vi64;
  readonly conflating: boolean;
  readonly order: GroupOrder;
  readonly set: ReceiverSet;
  readonly members = new Map<Connection, Subscription>();
  /** No member's filter starts later: a stream from here on is due to all. */
  start: Location = FIRST_LOCATION;
  readonly #owner: SharedSetOwner;

  constructor(context: RelayContext, { alias, conflating, groupOrder }: Subscription, owner: SharedSetOwner) {
    this.alias = alias;
    this.conflating = conflating;
    this.order = groupOrder;
    this.#owner = owner;
    this.set = context.receiverSet(this);
  }

  add(subscription: Subscription): void {
    this.members.set(subscription.peer.connection, subscription);
    this.set.add(subscription.peer.connection, subscription.priority);
    subscription.shared = this;
    if (compareLocations(subscription.start, this.start) > 0) this.start = subscription.start;
  }

  /** Whether the subscription is of the set's kind. */
  fits({ alias, conflating, groupOrder }: Subscription): boolean {
    return this.alias === alias && this.conflating === conflating && this.order === groupOrder;
  }

  /** Takes a member out; its open streams are reset with the code, or left as they are when absent. */
  remove(subscription: Subscription, resetCode?: number): void {
    if (!this.members.delete(subscription.peer.connection)) return;
    subscription.shared = null;
    subscription.streamsOpened +=
      resetCode === undefined
        ? this.set.remove(subscription.peer.connection)
        : this.set.remove(subscription.peer.connection, resetCode);
    if (this.members.size === 0) this.start = FIRST_LOCATION;
  }

  /** Whether a stream that starts at that place is due to every member. */
  suits(location: Location): boolean {
    return compareLocations(location, this.start) >= 0;
  }

  missed(receiver: Connection, key: number): void {
    const subscription = this.members.get(receiver);
    if (subscription !== undefined) this.#owner.missed(subscription, key);
  }

  drained(receiver: Connection): void {
    const subscription = this.members.get(receiver);
    if (subscription !== undefined) this.#owner.drained(subscription);
  }
}
