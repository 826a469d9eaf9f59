import type { NativeTransport } from './native.js';

/** Operations of a command batch, as `native/commands.rs` numbers them. */
export const Operation = {
  listen: 0,
  open: 1,
  write: 2,
  reset: 3,
  stopSending: 4,
  setPriority: 5,
  datagram: 6,
  notifyBelow: 7,
  close: 8,
  setAdd: 9,
  setPriorityOf: 10,
  setOpen: 11,
  setAppend: 12,
  setReset: 13,
  setClose: 14,
} as const;

/** Room for this many numbers to begin with; it doubles on demand. */
const NUMBERS_INITIAL = 1024;

/** The longest command, in numbers. */
const COMMAND_NUMBERS = 5;

/**
 * Collects the commands of a tick and hands them to the loop in one crossing, in order. A tick is never split: what it
 * writes, prioritises and resets takes effect together.
 */
export class CommandQueue {
  readonly #native: NativeTransport;
  #numbers = new Float64Array(NUMBERS_INITIAL);
  #count = 0;
  #payloads: Uint8Array[] = [];
  #scheduled = false;
  readonly #flush = () => {
    this.#scheduled = false;
    this.flush();
  };

  /** Changes with each crossing: what a caller counted before is the loop's to count now. */
  epoch = 0;

  constructor(native: NativeTransport) {
    this.#native = native;
  }

  /** Queues `[operation, a, b, c, d]`, of which the loop reads as many as the operation has. */
  push(operation: number, length: number, a: number, b = 0, c = 0, d = 0): void {
    if (this.#count + COMMAND_NUMBERS > this.#numbers.length) this.#grow();
    const numbers = this.#numbers;
    const at = this.#count;
    numbers[at] = operation;
    numbers[at + 1] = a;
    if (length > 1) numbers[at + 2] = b;
    if (length > 2) numbers[at + 3] = c;
    if (length > 3) numbers[at + 4] = d;
    this.#count = at + 1 + length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#flush);
  }

  /** The payload of the command that is pushed next; its bytes are copied when the batch crosses. */
  payload(bytes: Uint8Array): void {
    this.#payloads.push(bytes);
  }

  /** Hands over what is queued. */
  flush(): void {
    if (this.#count === 0) return;
    const [count, payloads] = [this.#count, this.#payloads];
    this.#count = 0;
    this.#payloads = [];
    this.epoch++;
    this.#native.submit(this.#numbers, count, payloads);
  }

  #grow(): void {
    const larger = new Float64Array(this.#numbers.length * 2);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}
