import { MessageStreamParser } from '../messages/frame.js';
import type { Message, MessageContext } from '../messages/message.js';
import type { ByteBudget } from './held-bytes.js';
import type { SessionState } from './state.js';

/** The messages of one request stream; what is held of one that has come in part is charged to the session. */
export class RequestMessages {
  /** True once there was no room for what is held: the request has to be given up. */
  excessive = false;
  readonly #parser: MessageStreamParser;
  readonly #budget: ByteBudget;
  #charged = 0;

  constructor({ profile, partial }: SessionState) {
    this.#parser = new MessageStreamParser(profile);
    this.#budget = partial;
  }

  push(bytes: Uint8Array, fin: boolean): void {
    this.#parser.push(bytes, fin);
  }

  /** The next message, or null until more bytes come. Throws SessionError. */
  next(context: MessageContext): Message | null {
    const message = this.#parser.next(context);
    if (message === null || this.#charged > 0) this.#charge(message === null ? this.#parser.pendingBytes : 0);
    return message;
  }

  /** The stream is of no more use. */
  release(): void {
    this.#budget.give(this.#charged);
    this.#charged = 0;
  }

  #charge(bytes: number): void {
    this.release();
    if (this.#budget.take(bytes)) this.#charged = bytes;
    else this.excessive = true;
  }
}
