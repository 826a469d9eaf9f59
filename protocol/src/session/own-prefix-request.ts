import { protocolViolation } from '../errors.js';
import type { Message } from '../messages/message.js';
import type { TrackNamespace } from '../model/names.js';
import type { RequestId, RequestUpdateParameters } from './contract.js';
import { OwnRequest } from './own-request.js';
import type { SessionState } from './state.js';

/** A request of ours about all that lies under a prefix, which updates may change (draft-18 §6.1, §10.9.2). */
export abstract class OwnPrefixRequest extends OwnRequest {
  /** What the suffixes that come next belong to. */
  protected prefix: TrackNamespace;
  readonly #name: string;

  constructor(
    state: SessionState,
    id: RequestId,
    kind: 'subscribe-namespace' | 'subscribe-tracks',
    message: Uint8Array,
    prefix: TrackNamespace,
  ) {
    super(state, id, kind, message);
    this.prefix = prefix;
    this.#name = kind;
  }

  protected override accepted(message: Message): void {
    if (message.kind !== 'request-ok') throw protocolViolation(`${message.kind} answers ${this.#name}`);
    this.state.notice({ kind: 'request-ok', request: this.id, ok: message.ok });
  }

  protected override updateAccepted({ namespacePrefix }: RequestUpdateParameters): void {
    if (namespacePrefix !== undefined) this.prefix = namespacePrefix;
  }
}
