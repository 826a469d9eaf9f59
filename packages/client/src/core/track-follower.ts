import type { FullTrackName, ReceivedObject, Vi64 } from '@higgins/protocol';
import {
  type ContentFormat,
  effectiveTtlMs,
  type ReceivedEnvelope,
  readObjectProperties,
  readTrackProperties,
  type SignalRow,
} from '@higgins/signals';
import type { DeadlineRule, Receipt } from './deadline.js';
import { epochOf } from './epoch.js';
import type { HeldTrack } from './held-record.js';
import type { TrackContent } from './track-content.js';
import { type Delivery, type Place, type PlacedObject, TrackOrder, type Way } from './track-order.js';

/** Why an object was not taken; the value before it stays in force. */
export interface Refusal {
  readonly group: Vi64;
  readonly object: Vi64;
  /** Names field, value and expectation. */
  readonly reason: string;
}

/** What came out of an object or an event of the track. */
export type FollowerEvent =
  /** What is held has changed: content, place or deadline. `newObject`: not just a deadline that moved earlier. */
  | { readonly kind: 'held'; readonly newObject: boolean; readonly changed: boolean; readonly keys: readonly string[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** A live object came behind a newer one. */
  | { readonly kind: 'old' }
  /**
   * Something is missing on `way` (null: on all): a fetch has to fill it in. `newGroup`: only a new group can. `covered`:
   * another way brings it.
   */
  | {
      readonly kind: 'gap';
      readonly after: Place | null;
      readonly newGroup: boolean;
      readonly way: Way | null;
      readonly covered: boolean;
    }
  /** Events that cannot be had any more. */
  | { readonly kind: 'lost'; readonly after: Place | null; readonly before: Place };

interface Arrival extends PlacedObject {
  readonly receiptBootMs: number;
  readonly envelope: ReceivedEnvelope;
}

/**
 * Follows one track: brings its objects into order, checks them, keeps what is valid, and computes its deadline. An
 * invalid object never takes the place of a valid one.
 */
export class TrackFollower<V> {
  readonly content: TrackContent<V>;
  readonly #name: FullTrackName;
  readonly #signal: SignalRow;
  readonly #rule: DeadlineRule;
  readonly #order: TrackOrder<Arrival>;
  readonly #out: FollowerEvent[] = [];
  #format: ContentFormat;
  #writerId: string;
  #held: HeldTrack | null;
  /** How what is held came; null if it came from disk. */
  #receipt: Receipt | null = null;
  /** A map whose newest object was invalid: deltas mean nothing until the next snapshot. */
  #broken = false;

  /** `held`: what an earlier life had, which `content` has taken already. */
  constructor(
    name: FullTrackName,
    signal: SignalRow,
    content: TrackContent<V>,
    rule: DeadlineRule,
    held: HeldTrack | null,
  ) {
    this.content = content;
    this.#name = name;
    this.#signal = signal;
    this.#rule = rule;
    this.#held = held;
    this.#format = held?.format ?? 'cbor';
    this.#writerId = held?.writerId ?? '';
    this.#order = new TrackOrder(signal.shape, held?.place ?? null);
  }

  get held(): HeldTrack | null {
    return this.#held;
  }

  get last(): Place | null {
    return this.#order.last;
  }

  /** Who writes the track; empty if that is not known. */
  get writerId(): string {
    return this.#writerId;
  }

  /** Live objects that wait for others before them. */
  get waiting(): { readonly objects: number; readonly bytes: number } {
    return this.#order.waiting;
  }

  /**
   * The next event, or undefined; call until undefined after every other call. What is held, and `content`, are those of
   * the event, not of what waits behind it.
   */
  next(): FollowerEvent | undefined {
    for (;;) {
      const event = this.#out.shift();
      if (event !== undefined) return event;
      const delivery = this.#order.next();
      if (delivery === undefined) return undefined;
      this.#on(delivery);
    }
  }

  /** The track's properties, which say how payloads are encoded and who writes. */
  describe(trackProperties: Uint8Array): void {
    const { contentFormat, writerId } = readTrackProperties(trackProperties);
    this.#format = contentFormat ?? 'cbor';
    this.#writerId = writerId ?? '';
  }

  /** `way`: the way by which it came; see TrackOrder. */
  receive(received: ReceivedObject, live: boolean, receiptBootMs: number, way?: Way): void {
    const { group, object, payload } = received;
    if (typeof group !== 'number' || typeof object !== 'number') {
      this.#refuse(received, `location {${group}, ${object}} lies beyond 2^53`);
      return;
    }
    if (received.status !== 'normal') return;
    const envelope = readObjectProperties(received.properties);
    const arrival = { group, object, payload, ...previousOf(envelope), receiptBootMs, envelope };
    if (live) this.#order.live(arrival, way);
    else this.#order.fetched(arrival, way);
  }

  fetchStarted(way?: Way): void {
    this.#order.fetchStarted(way);
  }

  fetchUnknown(way?: Way): void {
    this.#order.fetchUnknown(way);
  }

  fetchEnded(complete: boolean, way?: Way): void {
    this.#order.fetchEnded(complete, way);
  }

  /** See `TrackOrder.newestGroup`. */
  get newestGroup(): number | null {
    return this.#order.newestGroup;
  }

  /** See `TrackOrder.stalled`. */
  get stalled(): boolean {
    return this.#order.stalled;
  }

  /** See `TrackOrder.patienceOver`. */
  patienceOver(): void {
    this.#order.patienceOver();
  }

  groupEnded(group: Vi64, way?: Way): void {
    if (typeof group === 'number') this.#order.groupEnded(group, way);
  }

  groupReset(group: Vi64, way?: Way): void {
    if (typeof group === 'number') this.#order.groupReset(group, way);
  }

  disconnected(way?: Way): void {
    this.#order.disconnected(way);
  }

  /** Something of this writer came faster than all before: what is held was late by more than was known. */
  reconsider(writer: string, epoch: number): void {
    const [held, receipt] = [this.#held, this.#receipt];
    if (held === null || receipt === null || receipt.writer !== writer || receipt.epoch !== epoch) return;
    this.#shorten(held, this.#rule.reconsider(receipt));
  }

  #on(delivery: Delivery<Arrival>): void {
    if (delivery.kind === 'object') this.#take(delivery.object);
    else if (delivery.kind === 'copy') this.#tighten(delivery.object);
    else if (delivery.kind === 'gap') this.#out.push({ ...delivery, newGroup: false });
    else if (delivery.kind === 'lost') this.#out.push(delivery);
    else if (delivery.reason === 'old') this.#out.push({ kind: 'old' });
  }

  #take(arrival: Arrival): void {
    if (this.#broken && arrival.object !== 0) return;
    try {
      const change = this.content.apply(arrival.payload, this.#format);
      this.#broken = false;
      this.#hold(arrival);
      this.#out.push({ kind: 'held', newObject: true, ...change });
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'SchemaError') throw error;
      this.#refuse(arrival, error.message);
      if (this.#signal.shape !== 'map') return;
      this.#broken = true;
      this.#out.push({ kind: 'gap', after: this.#held?.place ?? null, newGroup: true, way: null, covered: false });
    }
  }

  #hold(arrival: Arrival): void {
    const { content } = this;
    if (content.held === null) return;
    const receipt = this.#receiptOf(arrival);
    // A fast arrival has what is held now reconsidered, so that has to be whole until here.
    const deadlineBootMs = this.#rule.deadlineBootMs(receipt);
    this.#receipt = receipt;
    this.#held = {
      name: this.#name,
      place: { group: arrival.group, object: arrival.object },
      content: content.held,
      format: this.#format,
      writerId: this.#writerId,
      ttlMs: effectiveTtlMs(this.#signal, arrival.envelope),
      publishMs: arrival.envelope.publishTimeMs,
      deadlineBootMs,
    };
  }

  // Another copy of the same object may have been on the way for longer; it never gives more time.
  #tighten(arrival: Arrival): void {
    const place = this.#held?.place;
    if (place === undefined || place.group !== arrival.group || place.object !== arrival.object) return;
    const deadlineBootMs = this.#rule.deadlineBootMs(this.#receiptOf(arrival));
    if (this.#held !== null) this.#shorten(this.#held, deadlineBootMs);
  }

  #shorten(held: HeldTrack, deadlineBootMs: number): void {
    if (deadlineBootMs >= held.deadlineBootMs) return;
    this.#held = { ...held, deadlineBootMs };
    this.#out.push({ kind: 'held', newObject: false, changed: false, keys: [] });
  }

  #receiptOf({ group, receiptBootMs, envelope }: Arrival): Receipt {
    return {
      writer: this.#writerId === '' ? this.#name.key : this.#writerId,
      epoch: epochOf(group),
      receiptBootMs,
      publishMs: envelope.publishTimeMs,
      ageMs: envelope.ageMs,
      ttlMs: effectiveTtlMs(this.#signal, envelope),
    };
  }

  #refuse({ group, object }: { readonly group: Vi64; readonly object: Vi64 }, reason: string): void {
    this.#out.push({ kind: 'refused', refusal: { group, object, reason } });
  }
}

function previousOf({ previousGroup, previousObject }: ReceivedEnvelope) {
  return { previousGroup, previousObject };
}
