import { protocolViolation } from '../errors.js';
import type { Message } from '../messages/message.js';
import type { RequestId } from './contract.js';
import { OwnRequest } from './own-request.js';
import type { SessionState } from './state.js';

/** A PUBLISH_NAMESPACE of ours; it stands until one side ends the request stream (draft-18 §6.2, §10.15). */
export class OwnAnnouncement extends OwnRequest {
  constructor(state: SessionState, id: RequestId, message: Uint8Array) {
    super(state, id, 'publish-namespace', message);
  }

  protected override accepted(message: Message): void {
    if (message.kind !== 'request-ok') throw protocolViolation(`${message.kind} answers PUBLISH_NAMESPACE`);
    this.state.notice({ kind: 'request-ok', request: this.id, ok: message.ok });
  }
}
