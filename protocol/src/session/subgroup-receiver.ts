import { SubgroupStreamParser } from '../data/subgroup-parser.js';
import { MalformedTrackError, StreamError, StreamResetCode } from '../errors.js';
import type { StreamKey } from './contract.js';
import { HeldBytes } from './held-bytes.js';
import type { OwnSubscription, SubscriptionStream } from './own-subscription.js';
import type { SessionState, StreamHandler } from './state.js';
import type { AliasWaiter } from './unknown-aliases.js';

/** A subgroup stream of the peer's (draft-18 §11.4.2): its objects become notices of the subscription it is for. */
export class SubgroupReceiver implements StreamHandler, SubscriptionStream, AliasWaiter {
  readonly #state: SessionState;
  readonly #stream: StreamKey;
  #parser: SubgroupStreamParser;
  #subscription: OwnSubscription | null = null;
  /** What came before the subscription was known; null from then on. */
  #held: HeldBytes | null = null;
  #waiting = false;

  constructor(state: SessionState, stream: StreamKey) {
    this.#state = state;
    this.#stream = stream;
    this.#parser = new SubgroupStreamParser(state.limits);
  }

  data(bytes: Uint8Array, fin: boolean): void {
    if (this.#waiting) this.#hold(bytes, fin);
    else {
      try {
        this.#read(bytes, fin);
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  reset(code: number): void {
    this.#leave();
    const subscription = this.#subscription;
    if (subscription === null) return;
    const { header } = this.#parser;
    this.#state.notice({ kind: 'subgroup-reset', request: subscription.id, stream: this.#stream, header, code });
    subscription.streamEnded(this);
  }

  /** Not for a stream that only the peer sends on. */
  stopSending(): void {}

  abandon(code: number): void {
    this.#leave();
    this.#state.actions.stopSending(this.#stream, code);
  }

  /** The alias is known: reads what is held, from the start. */
  resume(subscription: OwnSubscription): void {
    this.#waiting = false;
    this.#parser = new SubgroupStreamParser(this.#state.limits);
    this.#start(subscription);
    const held = this.#held!;
    this.#held = null;
    held.replay((bytes, fin) => {
      // One of the pieces may have ended the stream, or the track.
      if (this.#state.streams.get(this.#stream) === this) this.data(bytes, fin);
    });
  }

  #read(bytes: Uint8Array, fin: boolean): void {
    const parser = this.#parser;
    parser.push(bytes, fin);
    for (let step = parser.next(); step !== null; step = parser.next()) {
      if (step === 'object') {
        const request = this.#subscription!.id;
        this.#state.notice({ kind: 'object', request, stream: this.#stream, object: parser.object });
      } else if (step === 'end') this.#ended();
      else if (!this.#headerRead()) break;
    }
    if (this.#subscription === null) this.#hold(bytes, fin);
  }

  // False if the alias is not known yet; the bytes are then to be held.
  #headerRead(): boolean {
    const { header } = this.#parser;
    const subscription = this.#subscription ?? this.#state.aliases.get(header.trackAlias);
    if (subscription === undefined) {
      this.#waiting = true;
      return false;
    }
    if (this.#subscription === null) {
      this.#held?.drain();
      this.#held = null;
      this.#start(subscription);
    }
    this.#parser.defaultPriority = subscription.defaultPriority;
    this.#state.notice({ kind: 'subgroup', request: subscription.id, stream: this.#stream, header });
    return true;
  }

  #start(subscription: OwnSubscription): void {
    this.#subscription = subscription;
    subscription.streamStarted(this);
  }

  #hold(bytes: Uint8Array, fin: boolean): void {
    const joins = this.#waiting && !this.#state.unknownAliases.has(this);
    this.#held ??= new HeldBytes(this.#state.held);
    if (!this.#held.push(bytes, fin)) this.abandon(StreamResetCode.EXCESSIVE_LOAD);
    else if (joins && !this.#state.unknownAliases.wait(this.#parser.header.trackAlias, this)) {
      this.abandon(StreamResetCode.CANCELLED);
    }
  }

  #ended(): void {
    const subscription = this.#subscription!;
    this.#leave();
    const { header } = this.#parser;
    this.#state.notice({ kind: 'subgroup-end', request: subscription.id, stream: this.#stream, header });
    subscription.streamEnded(this);
  }

  #leave(): void {
    this.#state.streams.delete(this.#stream);
    this.#state.unknownAliases.leave(this);
    this.#held?.drain();
    this.#held = null;
  }

  #fail(error: unknown): void {
    if (error instanceof StreamError) {
      this.#state.actions.stopSending(this.#stream, error.code);
      this.reset(error.code);
    } else if (error instanceof MalformedTrackError && this.#subscription !== null) {
      this.#subscription.malformed(error.message);
    } else throw error;
  }
}
