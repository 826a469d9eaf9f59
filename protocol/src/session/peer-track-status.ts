import { StreamResetCode } from '../errors.js';
import type { RequestOk } from './contract.js';
import { type OpenedRequest, PeerRequest } from './peer-request.js';
import type { SessionState } from './state.js';

/** A TRACK_STATUS of the peer's: one message each way (draft-18 §10.14). */
export class PeerTrackStatus extends PeerRequest {
  constructor(state: SessionState, opened: OpenedRequest) {
    super(state, opened, 'track-status');
  }

  acceptRequest(ok: RequestOk): void {
    this.accept({ kind: 'request-ok', ok }, true);
    this.forget(StreamResetCode.CANCELLED);
  }
}
