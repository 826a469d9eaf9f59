import { StreamResetCode } from '@higgins/protocol';
import type { Connection, ReceiverSet, SharedBytes, StreamId } from '@higgins/transport';
import type { RelayContext, SetListener } from '../relay-context.js';
import { type WheelTimer, wheelTimer } from '../timer-wheel.js';

/** How often one that missed something is looked at again: a connection tells only one owner of its backlog. */
const RETRY_MS = 20;

interface TimedStream {
  readonly id: StreamId;
  readonly publisherPriority: number;
}

/**
 * A receiver set of one connection, whose streams do not outlive SUBGROUP_DELIVERY_TIMEOUT: that long after its FIN a
 * stream is reset, which does nothing to one that has been acknowledged in full (draft-18 §8). Sets of the transport let
 * go of a stream with its FIN.
 */
export class TimedReceiver implements ReceiverSet {
  readonly #context: RelayContext;
  readonly #listener: SetListener;
  readonly #timeoutMs: number;
  readonly #streams = new Map<number, TimedStream>();
  readonly #missed: number[] = [];
  readonly #missedTimer: WheelTimer;
  readonly #drainedTimer: WheelTimer;
  #connection: Connection | null = null;
  #priority = 0;
  #opened = 0;
  #backlogLimit = 0;

  constructor(context: RelayContext, timeoutMs: number, listener: SetListener) {
    this.#context = context;
    this.#timeoutMs = timeoutMs;
    this.#listener = listener;
    this.#missedTimer = wheelTimer(() => this.#tellMissed());
    this.#drainedTimer = wheelTimer(() => this.#checkDrained());
  }

  add(receiver: Connection, subscriberPriority: number): void {
    this.#connection = receiver;
    this.#priority = subscriberPriority;
  }

  setPriority(receiver: Connection, subscriberPriority: number): void {
    this.#priority = subscriberPriority;
    for (const { id, publisherPriority } of this.#streams.values()) {
      receiver.setPriority(id, streamPriority(subscriberPriority, publisherPriority));
    }
  }

  remove(receiver: Connection, resetCode?: number): number {
    if (resetCode !== undefined) for (const { id } of this.#streams.values()) receiver.reset(id, resetCode);
    this.close();
    return this.#opened;
  }

  open(key: number, head: SharedBytes, options: { publisherPriority: number; ifBacklogBelow: number }): void {
    const { publisherPriority, ifBacklogBelow } = options;
    const connection = this.#connection!;
    const priority = streamPriority(this.#priority, publisherPriority);
    const id = connection.backlogBytes() < ifBacklogBelow ? connection.open(false, priority) : null;
    if (id === null) {
      this.#backlogLimit = ifBacklogBelow;
      this.#missed.push(key);
      this.#context.timers.schedule(this.#missedTimer, this.#context.nowMs);
      return;
    }
    this.#opened++;
    this.#streams.set(key, { id, publisherPriority });
    connection.write(id, head, false);
  }

  append(key: number, body: SharedBytes, fin: boolean): void {
    const stream = this.#streams.get(key);
    const connection = this.#connection;
    if (stream === undefined || connection === null) return;
    connection.write(stream.id, body, fin);
    if (!fin) return;
    this.#streams.delete(key);
    const late = wheelTimer(() => connection.reset(stream.id, StreamResetCode.DELIVERY_TIMEOUT));
    this.#context.timers.schedule(late, this.#context.nowMs + this.#timeoutMs);
  }

  reset(key: number, code: number): void {
    const stream = this.#streams.get(key);
    if (stream === undefined) return;
    this.#streams.delete(key);
    this.#connection?.reset(stream.id, code);
  }

  close(): void {
    this.#context.timers.cancel(this.#missedTimer);
    this.#context.timers.cancel(this.#drainedTimer);
    this.#streams.clear();
    this.#connection = null;
  }

  #tellMissed(): void {
    const connection = this.#connection;
    if (connection === null) return;
    this.#context.timers.schedule(this.#drainedTimer, this.#context.nowMs + RETRY_MS);
    for (const key of this.#missed.splice(0)) this.#listener.missed(connection, key);
  }

  #checkDrained(): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (connection.backlogBytes() < this.#backlogLimit) this.#listener.drained(connection);
    else this.#context.timers.schedule(this.#drainedTimer, this.#context.nowMs + RETRY_MS);
  }
}

/** The subscriber's priority decides first, the publisher's among its own streams (draft-18 §7.2). */
export function streamPriority(subscriberPriority: number, publisherPriority: number): number {
  return subscriberPriority * 256 + publisherPriority;
}
