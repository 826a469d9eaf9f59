import type { Message } from '../messages/message.js';
import { fullTrackName, type TrackNamespace } from '../model/names.js';
import { joinedNamespace } from '../wire/names.js';
import type { RequestId } from './contract.js';
import { OwnPrefixRequest } from './own-prefix-request.js';
import type { SessionState } from './state.js';

/** A SUBSCRIBE_TRACKS of ours: the peer's PUBLISHes that follow are requests of their own (draft-18 §6.1, §10.19). */
export class OwnTracksSubscription extends OwnPrefixRequest {
  constructor(state: SessionState, id: RequestId, message: Uint8Array, prefix: TrackNamespace) {
    super(state, id, 'subscribe-tracks', message, prefix);
  }

  protected override later(message: Message): void {
    if (message.kind !== 'publish-blocked') {
      super.later(message);
      return;
    }
    const { namespace, name } = message.suffix;
    const whole = fullTrackName(joinedNamespace(this.prefix, namespace, name.length), name);
    this.state.notice({ kind: 'publish-blocked', request: this.id, name: whole });
  }
}
