import type { VirtualRuntime } from '@higgins/runtime';
import type { Connection, ReceiverSet, ReceiverSetEvents, SharedBytes } from '../transport.js';
import { MemoryConnection } from './connection.js';
import type { SendStream, SendStreamOwner } from './send-stream.js';

/** Subscriber priority counts before publisher priority, as draft-18 section 7 orders streams. */
const SUBSCRIBER_PRIORITY_FACTOR = 256;

/** A receiver set over connections of the in-memory network. */
export class MemoryReceiverSet implements ReceiverSet {
  readonly #runtime: VirtualRuntime;
  readonly #events: ReceiverSetEvents;
  readonly #receivers = new Map<Connection, SetReceiver>();

  constructor(runtime: VirtualRuntime, events: ReceiverSetEvents) {
    this.#runtime = runtime;
    this.#events = events;
  }

  add(receiver: Connection, subscriberPriority: number): void {
    if (!(receiver instanceof MemoryConnection)) {
      throw new TypeError('a receiver is a connection of another transport, expected one of the in-memory network');
    }
    if (this.#receivers.has(receiver)) return;
    const entry = new SetReceiver(receiver, subscriberPriority, () => {
      this.#tell(receiver, entry, () => this.#events.drained(receiver));
    });
    this.#receivers.set(receiver, entry);
  }

  setPriority(receiver: Connection, subscriberPriority: number): void {
    this.#receivers.get(receiver)?.setPriority(subscriberPriority);
  }

  remove(receiver: Connection, resetCode?: number): number {
    const entry = this.#receivers.get(receiver);
    if (entry === undefined) return 0;
    this.#receivers.delete(receiver);
    entry.leave(resetCode);
    return entry.streamsOpened;
  }

  open(group: number, head: SharedBytes, options: { publisherPriority: number; ifBacklogBelow: number }): void {
    const { publisherPriority, ifBacklogBelow } = options;
    for (const [receiver, entry] of this.#receivers) {
      if (receiver instanceof MemoryConnection && receiver.closed) continue;
      if (entry.open(group, head, publisherPriority, ifBacklogBelow)) continue;
      this.#tell(receiver, entry, () => this.#events.missed(receiver, group));
    }
  }

  append(group: number, body: SharedBytes, fin: boolean): void {
    for (const entry of this.#receivers.values()) entry.append(group, body, fin);
  }

  reset(group: number, code: number): void {
    for (const entry of this.#receivers.values()) entry.reset(group, code);
  }

  close(): void {
    for (const entry of this.#receivers.values()) entry.leave(undefined);
    this.#receivers.clear();
  }

  /** Events come in a step of their own, and only while the receiver is in the set. */
  #tell(receiver: Connection, entry: SetReceiver, event: () => void): void {
    const { world } = this.#runtime;
    world.schedule(world.nowMs, () => {
      this.#runtime.enter(() => {
        if (this.#receivers.get(receiver) === entry) event();
      });
    });
  }
}

/** One receiver of a set, with what is on its way to it. */
class SetReceiver implements SendStreamOwner {
  streamsOpened = 0;
  readonly #connection: MemoryConnection;
  readonly #drained: () => void;
  readonly #groups = new Map<number, SendStream>();
  readonly #streams = new Map<SendStream, number>();
  #subscriberPriority: number;
  #backlogBytes = 0;
  /** The limit of the last open that was missed; null: nothing has been missed since `drained`. */
  #missedAtBytes: number | null = null;

  constructor(connection: MemoryConnection, subscriberPriority: number, drained: () => void) {
    this.#connection = connection;
    this.#subscriberPriority = subscriberPriority;
    this.#drained = drained;
  }

  setPriority(subscriberPriority: number): void {
    this.#subscriberPriority = subscriberPriority;
    for (const stream of this.#groups.values()) {
      this.#connection.prioritise(stream, this.#priority(stream.priority % SUBSCRIBER_PRIORITY_FACTOR));
    }
  }

  /** Returns false if the receiver misses the group. */
  open(group: number, head: SharedBytes, publisherPriority: number, ifBacklogBelow: number): boolean {
    if (this.#groups.has(group)) return true;
    const stream =
      this.#backlogBytes < ifBacklogBelow
        ? this.#connection.openStream(false, this.#priority(publisherPriority))
        : null;
    if (stream === null) {
      this.#miss(ifBacklogBelow);
      return false;
    }
    stream.owner = this;
    this.streamsOpened += 1;
    this.#groups.set(group, stream);
    this.#streams.set(stream, group);
    this.#write(stream, head, false);
    return true;
  }

  append(group: number, body: SharedBytes, fin: boolean): void {
    const stream = this.#groups.get(group);
    if (stream === undefined) return;
    if (fin) this.#forget(stream);
    this.#write(stream, body, fin);
  }

  reset(group: number, code: number): void {
    const stream = this.#groups.get(group);
    if (stream === undefined) return;
    this.#forget(stream);
    this.#connection.resetStream(stream, code);
  }

  leave(resetCode: number | undefined): void {
    const streams = [...this.#groups.values()];
    this.#groups.clear();
    this.#streams.clear();
    this.#missedAtBytes = null;
    this.#connection.onUnidirectionalCredit.delete(this.#checkDrained);
    if (resetCode === undefined) return;
    for (const stream of streams) this.#connection.resetStream(stream, resetCode);
  }

  released(bytes: number): void {
    this.#backlogBytes -= bytes;
    this.#checkDrained();
  }

  stopped(stream: SendStream, code: number): void {
    this.#forget(stream);
    this.#connection.resetStream(stream, code);
  }

  #write(stream: SendStream, bytes: SharedBytes, fin: boolean): void {
    this.#backlogBytes += bytes.length;
    this.#connection.writeStream(stream, bytes, fin);
  }

  #forget(stream: SendStream): void {
    const group = this.#streams.get(stream);
    if (group === undefined) return;
    this.#streams.delete(stream);
    this.#groups.delete(group);
  }

  #miss(limitBytes: number): void {
    this.#missedAtBytes = limitBytes;
    if (!this.#connection.canOpenUnidirectional) this.#awaitCredit();
  }

  /** Wants stream credit, also where no `open` has failed for it: the backlog may fall while there is none. */
  #awaitCredit(): void {
    this.#connection.onUnidirectionalCredit.add(this.#checkDrained);
    this.#connection.wantUnidirectional();
  }

  readonly #checkDrained = (): void => {
    if (this.#missedAtBytes === null || this.#backlogBytes >= this.#missedAtBytes) return;
    if (!this.#connection.canOpenUnidirectional) {
      this.#awaitCredit();
      return;
    }
    this.#missedAtBytes = null;
    this.#connection.onUnidirectionalCredit.delete(this.#checkDrained);
    this.#drained();
  };

  #priority(publisherPriority: number): number {
    return this.#subscriberPriority * SUBSCRIBER_PRIORITY_FACTOR + publisherPriority;
  }
}
