import { StreamInput } from '../data/stream-input.js';
import { EncodeError, protocolViolation } from '../errors.js';
import { MESSAGE_BYTES_MAX } from '../limits.js';
import type { Vi64 } from '../model/vi64.js';
import type { Profile } from '../profiles/profile.js';
import { Reader } from '../wire/reader.js';
import { Writer } from '../wire/writer.js';
import type { Message, MessageCodec, MessageContext } from './message.js';

const writer = new Writer();

/**
 * Encodes a message with its type and length (draft-18 §10). `context` tells the stream that it goes to. The bytes are
 * the caller's own. Throws EncodeError if the draft has no form for it.
 */
export function encodeMessage(profile: Profile, message: Message, context: MessageContext): Uint8Array {
  const codec = profile.codecs.get(message.kind);
  if (codec === undefined) throw new EncodeError(`${profile.protocol} has no message ${message.kind}`);
  if (!context.allowed.has(message.kind)) throw new EncodeError(`${message.kind} is not allowed as ${context.place}`);
  writer.clear();
  writer.vi64(codec.code);
  const lengthAt = writer.position;
  writer.uint16(0);
  codec.encode(writer, message, profile.parameters, context);
  const length = writer.position - lengthAt - 2;
  if (length > MESSAGE_BYTES_MAX) {
    throw new EncodeError(`${message.kind} has ${length} bytes, expected at most ${MESSAGE_BYTES_MAX}`);
  }
  writer.patchUint16(lengthAt, length);
  return writer.finish();
}

/** Decodes the payload of a message whose codec is known. Nothing of `payload` is kept. Throws SessionError. */
export function decodeMessage(
  profile: Profile,
  codec: MessageCodec,
  payload: Uint8Array,
  context: MessageContext,
): Message {
  const reader = new Reader(payload);
  const message = codec.decode(reader, profile.parameters, context);
  reader.finish(codec.kind);
  return message;
}

/**
 * The messages of one control or request stream. After each `push`, call `next` until it returns null: what is left
 * over is copied then, so that the pushed bytes need be valid only that long.
 */
export class MessageStreamParser {
  readonly #profile: Profile;
  readonly #input = new StreamInput();
  #codec: MessageCodec | null = null;
  #length = 0;

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  push(bytes: Uint8Array, fin: boolean): void {
    this.#input.push(bytes, fin);
  }

  /** True once the stream has ended and every message has been taken. */
  get ended(): boolean {
    return this.#input.ended && this.#codec === null;
  }

  /** What is held of a message that has come in part. */
  get pendingBytes(): number {
    return this.#input.pendingBytes;
  }

  /**
   * The next message, or null until more bytes come. Throws SessionError: for types that `context` does not allow as
   * soon as the type is there, and for a stream that ends within a message.
   */
  next(context: MessageContext): Message | null {
    if (this.#codec === null && !this.#readHead(context)) return null;
    const payload = this.#input.body(this.#length);
    const codec = this.#codec;
    if (payload === null || codec === null) {
      if (this.#input.finished) throw protocolViolation(`stream ends within ${codec?.kind ?? 'a message'}`);
      return null;
    }
    this.#codec = null;
    return decodeMessage(this.#profile, codec, payload, context);
  }

  #readHead(context: MessageContext): boolean {
    const head = this.#input.fields();
    const type = head.vi64();
    if (!head.short) this.#codec = this.#codecOf(type, context);
    this.#length = head.uint16();
    if (this.#input.accept()) return true;
    this.#codec = null;
    if (this.#input.finished && !this.#input.ended) throw protocolViolation('stream ends within a message head');
    return false;
  }

  #codecOf(type: Vi64, context: MessageContext): MessageCodec {
    const codec = typeof type === 'number' ? this.#profile.codecsByCode.get(type) : undefined;
    if (codec === undefined) throw protocolViolation(`message type ${type} is unknown`);
    if (!context.allowed.has(codec.kind)) throw protocolViolation(`${codec.kind} is not allowed as ${context.place}`);
    return codec;
  }
}
