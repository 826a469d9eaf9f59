import { type StreamRole, streamRole } from '../data/stream-types.js';
import { protocolViolation, StreamResetCode } from '../errors.js';
import { copyBytes } from '../wire/copy.js';
import { tryReadVi64, VI64_BYTES_MAX } from '../wire/vi64.js';
import type { StreamKey } from './contract.js';
import type { Deadline } from './deadlines.js';
import { HeldBytes } from './held-bytes.js';
import type { SessionState, StreamHandler } from './state.js';

/** Makes the handler that reads a stream of a role from its first byte; null: whatever comes is discarded. */
export type RoleHandlers = (role: StreamRole, stream: StreamKey) => StreamHandler | null;

/**
 * A unidirectional stream of the peer's until its type is known and it may be read: data waits for SETUP (draft-18
 * §3.3, §3.4).
 */
export class UniStart implements StreamHandler {
  readonly #state: SessionState;
  readonly #stream: StreamKey;
  readonly #handlers: RoleHandlers;
  #role: StreamRole | null = null;
  #held: HeldBytes | null = null;
  /** Bytes of the type, as long as it is not complete. */
  #head: Uint8Array | null = null;
  #deadline: Deadline | null = null;

  constructor(state: SessionState, stream: StreamKey, handlers: RoleHandlers) {
    this.#state = state;
    this.#stream = stream;
    this.#handlers = handlers;
  }

  data(bytes: Uint8Array, fin: boolean): void {
    this.#role ??= this.#readRole(bytes, fin);
    if (this.#held === null && this.#role !== null && this.#readable(this.#role)) {
      this.#handOver(this.#role)?.data(bytes, fin);
      return;
    }
    this.#held ??= new HeldBytes(this.#state.held);
    if (!this.#held.push(bytes, fin)) this.#refuse();
    else if (this.#role !== null && this.#readable(this.#role)) this.release();
  }

  reset(): void {
    this.#deadline?.cancel();
    this.#held?.drain();
    this.#state.streams.delete(this.#stream);
  }

  /** Not for a stream that only the peer sends on. */
  stopSending(): void {}

  /** SETUP has come: goes on with what is held. */
  release(): void {
    if (this.#role === null || this.#held === null) return;
    const held = this.#held;
    this.#handOver(this.#role);
    held.replay((bytes, fin) => this.#state.streams.get(this.#stream)?.data(bytes, fin));
  }

  #readable(role: StreamRole): boolean {
    return role === 'control' || this.#state.established;
  }

  #handOver(role: StreamRole): StreamHandler | null {
    const handler = this.#handlers(role, this.#stream);
    if (handler === null) this.#state.streams.delete(this.#stream);
    else this.#state.streams.set(this.#stream, handler);
    return handler;
  }

  #readRole(bytes: Uint8Array, fin: boolean): StreamRole | null {
    const head = this.#head === null ? bytes : joined(this.#head, bytes.subarray(0, VI64_BYTES_MAX));
    const type = tryReadVi64(head, 0, head.length);
    if (type === null) {
      if (fin) throw protocolViolation('unidirectional stream ends within its type');
      this.#head = copyBytes(head, 0, head.length);
      // A type that is never sent whole must not be kept for ever.
      this.#deadline ??= this.#state.after(this.#state.limits.requestWaitMs, () => this.#refuse());
      return null;
    }
    this.#deadline?.cancel();
    const role = streamRole(type);
    if (role === null) throw protocolViolation(`unidirectional stream has unknown type ${type}`);
    return role;
  }

  #refuse(): void {
    this.reset();
    this.#state.actions.stopSending(this.#stream, StreamResetCode.EXCESSIVE_LOAD);
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
