import type { Connection, ReceiverSet, ReceiverSetEvents, SharedBytes } from '@higgins/transport';
import { type CommandQueue, Operation } from './commands.js';
import { QuicConnection } from './connection.js';
import type { NativeTransport } from './native.js';

/** A receiver set whose receivers live in the loop: its calls cost the same however many there are. */
export class QuicReceiverSet implements ReceiverSet {
  readonly id: number;
  readonly #native: NativeTransport;
  readonly #commands: CommandQueue;
  readonly #forget: (id: number) => void;
  readonly events: ReceiverSetEvents;

  constructor(
    native: NativeTransport,
    commands: CommandQueue,
    events: ReceiverSetEvents,
    forget: (id: number) => void,
  ) {
    this.id = native.newSet();
    this.#native = native;
    this.#commands = commands;
    this.#forget = forget;
    this.events = events;
  }

  add(receiver: Connection, subscriberPriority: number): void {
    if (!(receiver instanceof QuicConnection)) throw new TypeError('receiver is not a connection of this transport');
    this.#commands.push(Operation.setAdd, 3, this.id, receiver.id, subscriberPriority);
  }

  setPriority(receiver: Connection, subscriberPriority: number): void {
    this.#commands.push(Operation.setPriorityOf, 3, this.id, receiver.id, subscriberPriority);
  }

  remove(receiver: Connection, resetCode?: number): number {
    // The count is exact only once the loop has seen every open before this call.
    this.#commands.flush();
    return this.#native.removeReceiver(this.id, receiver.id, resetCode);
  }

  open(group: number, head: SharedBytes, options: { publisherPriority: number; ifBacklogBelow: number }): void {
    this.#commands.payload(head);
    this.#commands.push(Operation.setOpen, 4, this.id, group, options.publisherPriority, options.ifBacklogBelow);
  }

  append(group: number, body: SharedBytes, fin: boolean): void {
    this.#commands.payload(body);
    this.#commands.push(Operation.setAppend, 3, this.id, group, fin ? 1 : 0);
  }

  reset(group: number, code: number): void {
    this.#commands.push(Operation.setReset, 3, this.id, group, code);
  }

  close(): void {
    this.#commands.push(Operation.setClose, 1, this.id);
    this.#forget(this.id);
  }
}
