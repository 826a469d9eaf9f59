import { SubgroupStreamParser } from '../data/subgroup-parser.js';
import { MalformedTrackError, StreamError, StreamResetCode } from '../errors.js';
import type { ReceivedObject, StreamKey } from './contract.js';
import { HeldBytes } from './held-bytes.js';
import type { Reception, SubscriptionStream } from './reception.js';
import type { SessionState, StreamHandler } from './state.js';
import type { AliasWaiter } from './unknown-aliases.js';

/** A subgroup stream of the peer's (draft-18 §11.4.2): its objects become notices of the subscription it is for. */
export class SubgroupReceiver implements StreamHandler, SubscriptionStream, AliasWaiter {
  readonly #state: SessionState;
  readonly #stream: StreamKey;
  #parser: SubgroupStreamParser;
  #reception: Reception | null = null;
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
    const reception = this.#reception;
    if (reception === null) {
      this.#lost(code);
      return;
    }
    const { header } = this.#parser;
    this.#state.notice({ kind: 'subgroup-reset', request: reception.owner.id, stream: this.#stream, header, code });
    reception.streamEnded(this);
  }

  /** Not for a stream that only the peer sends on. */
  stopSending(): void {}

  abandon(code: number): void {
    this.#leave();
    this.#state.actions.stopSending(this.#stream, code);
    this.#lost(code);
  }

  /** The alias is known: reads what is held, from the start. */
  resume(reception: Reception): void {
    this.#waiting = false;
    this.#parser = new SubgroupStreamParser(this.#state.limits);
    this.#start(reception);
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
        if (!this.#objectRead(parser.object)) return;
      } else if (step === 'end') this.#ended();
      else if (!this.#headerRead()) break;
    }
    if (this.#reception === null) this.#hold(bytes, fin);
  }

  // False if too much has come for a PUBLISH that has no answer.
  #objectRead(object: ReceivedObject): boolean {
    const { owner } = this.#reception!;
    if (owner.admits(object.payload.length + object.properties.length)) {
      this.#state.notice({ kind: 'object', request: owner.id, stream: this.#stream, object });
      return true;
    }
    this.#state.actions.stopSending(this.#stream, StreamResetCode.EXCESSIVE_LOAD);
    this.reset(StreamResetCode.EXCESSIVE_LOAD);
    return false;
  }

  // False if the alias is not known yet; the bytes are then to be held.
  #headerRead(): boolean {
    const { header } = this.#parser;
    const reception = this.#reception ?? this.#state.aliases.get(header.trackAlias);
    if (reception === undefined) {
      this.#waiting = true;
      return false;
    }
    if (this.#reception === null) {
      this.#held?.drain();
      this.#held = null;
      this.#start(reception);
    }
    this.#parser.defaultPriority = reception.defaultPriority;
    this.#state.notice({ kind: 'subgroup', request: reception.owner.id, stream: this.#stream, header });
    return true;
  }

  #start(reception: Reception): void {
    this.#reception = reception;
    reception.streamStarted(this);
  }

  #hold(bytes: Uint8Array, fin: boolean): void {
    const joins = this.#waiting && !this.#state.unknownAliases.has(this);
    this.#held ??= new HeldBytes(this.#state.held);
    if (!this.#held.push(bytes, fin)) this.abandon(StreamResetCode.EXCESSIVE_LOAD);
    else if (joins && !this.#state.unknownAliases.wait(this.#parser.header.trackAlias, this)) {
      this.abandon(StreamResetCode.CANCELLED);
    }
  }

  // What waited has objects that nobody will get.
  #lost(code: number): void {
    if (!this.#waiting) return;
    this.#state.unknownAliases.lost({ stream: this.#stream, header: this.#parser.header, code });
  }

  #ended(): void {
    const reception = this.#reception!;
    this.#leave();
    const { header } = this.#parser;
    this.#state.notice({ kind: 'subgroup-end', request: reception.owner.id, stream: this.#stream, header });
    reception.streamEnded(this);
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
    } else if (error instanceof MalformedTrackError && this.#reception !== null) {
      this.#reception.malformed(error.message);
    } else throw error;
  }
}
