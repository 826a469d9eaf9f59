import type { GroupOrder, Location, Vi64 } from '@higgins/protocol';
import type { SharedSet } from './shared-set.js';
import type { Subscription } from './subscription.js';

/** What an upstream stream says of a Subgroup; one record per stream, so that its identity names the stream. */
export interface SubgroupFeed {
  readonly group: Vi64;
  subgroup: Vi64 | null;
  /** Null: the track's default. */
  readonly priority: number | null;
  readonly endOfGroup: boolean;
  /** The stream starts with the Subgroup's very first object. */
  readonly firstObject: boolean;
  readonly hasProperties: boolean;
  /** The first and the last object that came on it so far, and the one before that; null before there is one. */
  firstReceived: Vi64 | null;
  lastReceived: Vi64 | null;
  previousReceived: Vi64 | null;
  /** Something of it was not forwarded: those who get the rest must not take it for whole (draft-18 §11.4.3). */
  incomplete: boolean;
  /** Where its objects go; null before the first and after the last. */
  live: LiveSubgroup | null;
}

/** A Subgroup that is being forwarded: one stream per receiver. */
export class LiveSubgroup {
  /** Names the stream in receiver sets; unique within the track. */
  readonly key: number;
  readonly group: Vi64;
  readonly subgroup: Vi64;
  readonly feed: SubgroupFeed;
  /** 0 to 255, the default filled in. */
  readonly publisherPriority: number;
  readonly firstObject: Vi64;
  /** That one is the very first of the Subgroup (draft-18 §2.2). */
  readonly startsSubgroup: boolean;
  lastObject: Vi64;
  /** The upstream stream that its next objects come from; null once that ended without a FIN. */
  fedBy: SubgroupFeed | null;
  /** Nothing more comes. */
  ended = false;
  /** It ended because all of it was forwarded. */
  complete = false;
  /** Sets that have the stream open. */
  readonly sets: SharedSet[] = [];
  /** Receivers that get it on a stream of their own: its key, or null while it is not open. */
  readonly singles = new Map<Subscription, number | null>();

  constructor(key: number, first: Location & { subgroup: Vi64; priority: number }, feed: SubgroupFeed) {
    this.key = key;
    this.group = first.group;
    this.subgroup = first.subgroup;
    this.publisherPriority = first.priority;
    this.firstObject = first.object;
    this.startsSubgroup = feed.firstObject && feed.firstReceived === first.object;
    this.lastObject = first.object;
    this.feed = feed;
    this.fedBy = feed;
  }
}

/** What was missed goes out by the publisher's priority, then by Group in the subscription's order (draft-18 §7.2). */
export function inOrder(order: GroupOrder): (a: LiveSubgroup, b: LiveSubgroup) => number {
  const direction = order === 'descending' ? -1 : 1;
  return (a, b) => {
    if (a.publisherPriority !== b.publisherPriority) return a.publisherPriority - b.publisherPriority;
    if (a.group !== b.group) return a.group < b.group ? -direction : direction;
    return a.subgroup < b.subgroup ? -1 : Number(a.subgroup > b.subgroup);
  };
}
