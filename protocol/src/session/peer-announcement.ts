import { StreamResetCode } from '../errors.js';
import type { RequestOk } from './contract.js';
import { type OpenedRequest, PeerRequest } from './peer-request.js';
import type { SessionState } from './state.js';

/** A PUBLISH_NAMESPACE of the peer's; FIN and reset of its stream both withdraw it (draft-18 §6.2, §3.3.2). */
export class PeerAnnouncement extends PeerRequest {
  constructor(state: SessionState, opened: OpenedRequest) {
    super(state, opened, 'publish-namespace');
  }

  acceptRequest(ok: RequestOk): void {
    this.accept({ kind: 'request-ok', ok });
  }

  protected override finished(): void {
    if (!this.answered) this.cancelled(StreamResetCode.CANCELLED);
    else {
      this.#close();
      this.state.notice({ kind: 'cancelled', request: this.id, code: StreamResetCode.CANCELLED });
    }
  }

  /** Draft-18 §10.9.1. */
  protected override updateRejected(): void {
    this.#close();
  }

  #close(): void {
    this.state.actions.fin(this.stream);
    this.forget(StreamResetCode.CANCELLED);
  }
}
