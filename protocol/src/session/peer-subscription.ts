import type { ObjectDatagram } from '../data/datagram.js';
import { PublishDoneCode, StreamResetCode } from '../errors.js';
import type { FullTrackName } from '../model/names.js';
import { STREAM_COUNT_UNKNOWN } from '../model/requests.js';
import type { Vi64 } from '../model/vi64.js';
import type { PublishDone, RequestErrorInfo, StreamKey, SubscribeOk, SubscribeParameters } from './contract.js';
import { type OpenedRequest, PeerRequest } from './peer-request.js';
import { SentData } from './sent-data.js';
import type { SessionState } from './state.js';
import type { ResolvedParameters } from './tokens.js';

/** A SUBSCRIBE of the peer's, which we serve as publisher (draft-18 §5.1). */
export class PeerSubscription extends PeerRequest {
  readonly name: FullTrackName;
  /** The Forward State that the peer asked for last; a joining FETCH needs it to be 1 (draft-18 §10.12.2). */
  forward: boolean;
  readonly #data: SentData;
  #trackAlias: Vi64 | null = null;

  constructor(state: SessionState, opened: OpenedRequest, name: FullTrackName, parameters: SubscribeParameters) {
    super(state, opened, 'subscribe');
    this.name = name;
    this.forward = parameters.forward ?? true;
    this.#data = new SentData(state);
    state.publisherTracks.set(name.key, this);
  }

  get streamsOpened(): number {
    return this.#data.opened;
  }

  acceptSubscribe(ok: SubscribeOk): void {
    this.accept({ kind: 'subscribe-ok', ok });
    this.#trackAlias = ok.trackAlias;
  }

  /** PUBLISH_DONE, then FIN; what is still open of its data streams is reset before (draft-18 §10.11). */
  publishDone(done: PublishDone): void {
    this.#checkAccepted();
    this.#data.reset(StreamResetCode.CANCELLED);
    this.send({ kind: 'publish-done', done }, true);
    this.forget(StreamResetCode.CANCELLED);
  }

  openData(head: Uint8Array, priority: number): StreamKey {
    return this.#data.open(head, priority);
  }

  sendDatagram(datagram: Omit<ObjectDatagram, 'trackAlias'>): void {
    this.#data.datagram({ ...datagram, trackAlias: this.#checkAccepted() });
  }

  override updated(parameters: ResolvedParameters): void {
    this.forward = parameters.forward ?? this.forward;
  }

  protected override endAfterUpdate({ reason }: RequestErrorInfo): void {
    this.publishDone({ code: PublishDoneCode.UPDATE_FAILED, streamCount: STREAM_COUNT_UNKNOWN, reason });
  }

  protected override dispose(code: number): void {
    this.state.publisherTracks.delete(this.name.key);
    this.#data.reset(code);
  }

  #checkAccepted(): Vi64 {
    if (this.#trackAlias === null) throw new Error(`subscription ${this.id} has not been accepted`);
    return this.#trackAlias;
  }
}
