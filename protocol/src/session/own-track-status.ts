import { protocolViolation } from '../errors.js';
import type { Message } from '../messages/message.js';
import type { RequestId } from './contract.js';
import { OwnRequest } from './own-request.js';
import type { SessionState } from './state.js';

/** A TRACK_STATUS of ours: one message each way (draft-18 §10.14). */
export class OwnTrackStatus extends OwnRequest {
  constructor(state: SessionState, id: RequestId, message: Uint8Array) {
    super(state, id, 'track-status', message, true);
  }

  protected override accepted(message: Message): void {
    if (message.kind !== 'request-ok') throw protocolViolation(`${message.kind} answers TRACK_STATUS`);
    this.forget();
    this.state.notice({ kind: 'request-ok', request: this.id, ok: message.ok });
  }
}
