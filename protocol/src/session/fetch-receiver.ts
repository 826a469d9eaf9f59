import { FetchStreamParser } from '../data/fetch-parser.js';
import { MalformedTrackError, protocolViolation, StreamError, StreamResetCode } from '../errors.js';
import type { StreamKey } from './contract.js';
import { giveUpTrack } from './malformed-track.js';
import type { OwnFetch } from './own-fetch.js';
import type { SubscriptionStream } from './reception.js';
import type { SessionState, StreamHandler } from './state.js';

/** The data stream of a fetch of ours (draft-18 §11.4.4): its objects become notices. */
export class FetchReceiver implements StreamHandler, SubscriptionStream {
  readonly #state: SessionState;
  readonly #stream: StreamKey;
  readonly #parser: FetchStreamParser;
  #fetch: OwnFetch | null = null;

  constructor(state: SessionState, stream: StreamKey) {
    this.#state = state;
    this.#stream = stream;
    this.#parser = new FetchStreamParser(state.limits, state.profile.rules.rangeEnds);
  }

  data(bytes: Uint8Array, fin: boolean): void {
    try {
      this.#read(bytes, fin);
    } catch (error) {
      this.#fail(error);
    }
  }

  reset(code: number): void {
    this.#state.streams.delete(this.#stream);
    this.#fetch?.dataReset(code);
  }

  /** Not for a stream that only the peer sends on. */
  stopSending(): void {}

  abandon(code: number): void {
    this.#state.streams.delete(this.#stream);
    this.#state.actions.stopSending(this.#stream, code);
  }

  #read(bytes: Uint8Array, fin: boolean): void {
    const parser = this.#parser;
    parser.push(bytes, fin);
    for (let step = parser.next(); step !== null; step = parser.next()) {
      if (step === 'header') {
        if (!this.#headerRead()) return;
      } else this.#take(step, this.#fetch!);
    }
  }

  // False if nothing on the stream is wanted any more.
  #headerRead(): boolean {
    const id = this.#parser.requestId;
    const fetch = typeof id === 'number' ? this.#state.ownFetches.get(id) : undefined;
    if (fetch !== undefined) {
      fetch.dataStarted(this);
      this.#fetch = fetch;
      this.#parser.groupOrder = fetch.groupOrder;
      return true;
    }
    const ours = typeof id === 'number' && id < this.#state.nextRequestId && id % 2 === this.#state.nextRequestId % 2;
    if (!ours || this.#state.own.has(id))
      throw protocolViolation(`request ${id} of a fetch stream is no FETCH of ours`);
    this.abandon(StreamResetCode.CANCELLED);
    return false;
  }

  #take(step: 'object' | 'range-end' | 'end', fetch: OwnFetch): void {
    const request = fetch.id;
    if (step === 'object') this.#state.notice({ kind: 'fetch-object', request, object: this.#parser.object });
    else if (step === 'range-end') this.#state.notice({ kind: 'fetch-range-end', request, ...this.#parser.rangeEnd });
    else {
      this.#state.streams.delete(this.#stream);
      fetch.dataEnded();
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof StreamError || error instanceof MalformedTrackError)) throw error;
    this.#state.actions.stopSending(this.#stream, error.code);
    const track = this.#fetch?.track ?? null;
    this.reset(error.code);
    if (error instanceof MalformedTrackError && track !== null) giveUpTrack(this.#state, track, error.message);
  }
}
