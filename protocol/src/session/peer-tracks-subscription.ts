import { type FullTrackName, fullTrackName, type TrackNamespace } from '../model/names.js';
import { PeerPrefixRequest } from './peer-prefix-request.js';
import type { OpenedRequest } from './peer-request.js';
import type { SessionState } from './state.js';

/** A SUBSCRIBE_TRACKS of the peer's, which wants a PUBLISH of each track (draft-18 §6.1, §10.19). */
export class PeerTracksSubscription extends PeerPrefixRequest {
  readonly #blocked = new Set<string>();

  constructor(state: SessionState, opened: OpenedRequest, prefix: TrackNamespace) {
    super(state, opened, 'subscribe-tracks', state.trackPrefixes, prefix);
  }

  /** PUBLISH_BLOCKED, once for each track. */
  publishBlocked({ namespace, name, key }: FullTrackName): void {
    if (this.#blocked.has(key)) return;
    this.send({ kind: 'publish-blocked', suffix: fullTrackName(this.suffixOf(namespace), name) }, false);
    this.#blocked.add(key);
    this.state.blockedTracks.set(key, this);
  }

  protected override dispose(): void {
    super.dispose();
    for (const key of this.#blocked) {
      if (this.state.blockedTracks.get(key) === this) this.state.blockedTracks.delete(key);
    }
  }
}
