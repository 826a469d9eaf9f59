import type { RequestId, StreamKey, Vi64 } from '@higgins/protocol';
import type { CachedObject } from '../cache/cached-object.js';
import type { SubgroupFeed } from '../downstream/live-subgroup.js';
import type { Peer } from '../peer.js';
import type { Track } from '../track.js';
import type { Fill } from './fill.js';

/** An object that came live while older ones were still being recovered, or the end of its Subgroup. */
export type Held =
  | { readonly kind: 'object'; readonly object: CachedObject; readonly feed: SubgroupFeed }
  | { readonly kind: 'end'; readonly feed: SubgroupFeed };

/** One upstream subscription: a SUBSCRIBE of this relay for one track at one session. */
export class Source {
  readonly kind = 'source';
  readonly track: Track;
  readonly peer: Peer;
  readonly request: RequestId;
  state: 'pending' | 'established' = 'pending';
  /** Streams that are open, by the session's key. */
  readonly feeds = new Map<StreamKey, SubgroupFeed>();
  /** The joining FETCH that goes with it, until it is done. */
  join: Fill | null = null;
  /** What waits for `join`, or null if nothing has to wait. */
  held: Held[] | null = null;
  heldBytes = 0;
  /** NEW_GROUP_REQUEST that the publisher has not met yet (draft-18 §10.2.13). */
  newGroupRequested: Vi64 | null = null;

  constructor(track: Track, peer: Peer, request: RequestId) {
    this.track = track;
    this.peer = peer;
    this.request = request;
  }
}
