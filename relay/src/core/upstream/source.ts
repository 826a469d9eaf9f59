import {
  type RequestId,
  type RequestUpdateParameters,
  type StreamKey,
  StreamResetCode,
  type Vi64,
} from '@higgins/protocol';
import type { CachedObject } from '../cache/cached-object.js';
import type { SubgroupFeed } from '../downstream/live-subgroup.js';
import type { Peer } from '../peer.js';
import type { Track } from '../track.js';
import type { Fill } from './fill.js';

/** An object that came live while older ones were still being recovered, or the end of its Subgroup. */
export type Held =
  | { readonly kind: 'object'; readonly object: CachedObject; readonly feed: SubgroupFeed }
  | { readonly kind: 'end'; readonly feed: SubgroupFeed };

/** Which message started an upstream subscription, and from which side. */
export type SourceOrigin = 'subscribe' | 'publish';

/** One upstream subscription: a SUBSCRIBE of this relay for one track at one session, or a PUBLISH that came there. */
export class Source {
  readonly kind = 'source';
  readonly origin: SourceOrigin;
  readonly track: Track;
  readonly peer: Peer;
  /** Ours for a SUBSCRIBE, the peer's for a PUBLISH. */
  readonly request: RequestId;
  state: 'pending' | 'established';
  /** The Forward State that this relay has asked for last. */
  forwarding: boolean;
  #updatesSent = 0;
  #updatesAnswered = 0;
  /** How many updates have to be answered until the Forward State asked for last holds. */
  #forwardSettledAfter = 0;
  /** Streams that are open, by the session's key. */
  readonly feeds = new Map<StreamKey, SubgroupFeed>();
  /** The joining FETCH that goes with it, until it is done. */
  join: Fill | null = null;
  /** `join` brings subscribers what they have missed. */
  recovers = false;
  /** What waits for `join`, or null if nothing has to wait. */
  held: Held[] | null = null;
  heldBytes = 0;
  /** It has shown that the track is malformed: nothing of it counts any more. */
  malformed = false;
  /** NEW_GROUP_REQUEST that the publisher has not met yet (draft-18 §10.2.13). */
  newGroupRequested: Vi64 | null = null;

  constructor(track: Track, peer: Peer, request: RequestId, origin: SourceOrigin, forwarding = true) {
    this.track = track;
    this.peer = peer;
    this.request = request;
    this.origin = origin;
    this.state = origin === 'publish' ? 'established' : 'pending';
    this.forwarding = forwarding;
  }

  /** It brings every new object, and has told how far the track is. */
  get live(): boolean {
    return this.state === 'established' && this.forwarding && this.#updatesAnswered >= this.#forwardSettledAfter;
  }

  /** Sends REQUEST_UPDATE. */
  update(parameters: RequestUpdateParameters): void {
    this.#updatesSent++;
    if (parameters.forward !== undefined) {
      this.forwarding = parameters.forward;
      this.#forwardSettledAfter = this.#updatesSent;
    }
    this.peer.session.update(this.request, parameters);
  }

  /** The oldest update has been accepted. */
  updated(): void {
    this.#updatesAnswered++;
  }

  /** Ends it at the peer, without an answer. */
  cancel(): void {
    const { session } = this.peer;
    if (this.origin === 'publish') session.abort(this.request, StreamResetCode.CANCELLED);
    else session.cancel(this.request);
  }
}
