import { PublishDoneCode, StreamResetCode } from '../errors.js';
import type { FullTrackName } from '../model/names.js';
import { STREAM_COUNT_UNKNOWN } from '../model/requests.js';
import type { PublishDone, RequestErrorInfo, StreamKey, SubscribeOk, SubscribeParameters } from './contract.js';
import { DataSender } from './data-sender.js';
import { type OpenedRequest, PeerRequest } from './peer-request.js';
import type { SessionState } from './state.js';
import type { ResolvedParameters } from './tokens.js';

/** A SUBSCRIBE of the peer's, which we serve as publisher (draft-18 §5.1). */
export class PeerSubscription extends PeerRequest {
  readonly name: FullTrackName;
  /** The Forward State that the peer asked for last; a joining FETCH needs it to be 1 (draft-18 §10.12.2). */
  forward: boolean;
  /** Data streams that the session has opened for it. */
  streamsOpened = 0;
  readonly #open = new Set<DataSender>();

  constructor(state: SessionState, opened: OpenedRequest, name: FullTrackName, parameters: SubscribeParameters) {
    super(state, opened, 'subscribe');
    this.name = name;
    this.forward = parameters.forward ?? true;
    state.peerSubscriptions.set(name.key, this);
  }

  acceptSubscribe(ok: SubscribeOk): void {
    this.accept({ kind: 'subscribe-ok', ok });
  }

  /** PUBLISH_DONE, then FIN; what is still open of its data streams is reset before (draft-18 §10.11). */
  publishDone(done: PublishDone): void {
    if (!this.answered) throw new Error(`subscription ${this.id} has not been accepted`);
    this.#resetData(StreamResetCode.CANCELLED);
    this.send({ kind: 'publish-done', done }, true);
    this.forget(StreamResetCode.CANCELLED);
  }

  openData(head: Uint8Array, priority: number): StreamKey {
    this.streamsOpened++;
    const sender = new DataSender(this.state, priority, head, () => this.#open.delete(sender));
    this.#open.add(sender);
    return sender.stream;
  }

  protected override updated(parameters: ResolvedParameters): void {
    this.forward = parameters.forward ?? this.forward;
  }

  protected override updateFailed({ reason }: RequestErrorInfo): void {
    this.publishDone({ code: PublishDoneCode.UPDATE_FAILED, streamCount: STREAM_COUNT_UNKNOWN, reason });
  }

  protected override dispose(code: number): void {
    this.state.peerSubscriptions.delete(this.name.key);
    this.#resetData(code);
  }

  #resetData(code: number): void {
    for (const sender of this.#open) sender.abandon(code);
  }
}
