import type { ContentFormat, ExpiryMode, MapSignal, Signal, StateSignal } from '@higgins/signals';
import type { HeldContent } from './held-record.js';
import { equalBytes, type LiveMap, MapEntries } from './live-map.js';

/** What an object did to the content of its track. */
export interface ContentChange {
  /** False for a renewal: same bytes, or an empty delta. */
  readonly changed: boolean;
  /** The keys that a map's object touched. */
  readonly keys: readonly string[];
}

/** The content of a track: what the newest valid object, or objects, made of it. */
export interface TrackContent<V> {
  readonly value: V | null;
  readonly deleted: boolean;
  /** The version inside the value, where its schema has one. */
  readonly version: number | null;
  /** What the value says about its own expiry; null if nothing. */
  readonly expiry: ExpiryMode | null;
  /** Null before the first object. */
  readonly held: HeldContent | null;
  /** Takes the next object in order. Throws SchemaError and changes nothing if it is invalid. */
  apply(payload: Uint8Array, format: ContentFormat): ContentChange;
}

/** A state track's one value, or an event track's newest. */
export class ValueContent<V> implements TrackContent<V> {
  readonly #signal: Signal<unknown, V>;
  #payload: Uint8Array | null = null;
  value: V | null = null;
  deleted = false;
  version: number | null = null;
  expiry: ExpiryMode | null = null;

  constructor(signal: Signal<unknown, V>) {
    this.#signal = signal;
  }

  get held(): HeldContent | null {
    return this.#payload === null ? null : { kind: 'payload', payload: this.#payload };
  }

  apply(payload: Uint8Array, format: ContentFormat): ContentChange {
    if (this.#signal.shape === 'state' && equalBytes(this.#payload ?? undefined, payload)) return RENEWAL;
    const state = decodeState(this.#signal, payload, format);
    this.#payload = payload;
    this.deleted = state.deleted;
    this.value = state.deleted ? null : state.value;
    this.version = state.deleted ? state.tombstone.version : fieldOf(this.value, 'version', isInteger);
    this.expiry = state.deleted ? null : fieldOf(this.value, 'expiry', isExpiryMode);
    return { changed: true, keys: [] };
  }
}

/** A map track's entries. */
export class MapContent<V> implements TrackContent<LiveMap<V>> {
  readonly #signal: MapSignal<unknown, V>;
  readonly #entries: MapEntries<V>;
  readonly deleted = false;
  readonly version = null;
  readonly expiry = null;
  value: LiveMap<V> | null = null;

  #format: ContentFormat;

  /** `entries`: those of an earlier life, in `format`. */
  constructor(
    signal: MapSignal<unknown, V>,
    entries: ReadonlyMap<string, Uint8Array> | null,
    format: ContentFormat = 'cbor',
  ) {
    this.#signal = signal;
    this.#format = format;
    this.#entries = new MapEntries((bytes) => signal.decode(bytes, this.#format), entries ?? new Map());
    if (entries !== null) this.value = this.#entries;
  }

  get held(): HeldContent | null {
    return this.value === null ? null : { kind: 'map', entries: this.#entries.encoded };
  }

  apply(payload: Uint8Array, format: ContentFormat): ContentChange {
    const object = this.#signal.decodeObject(payload, format);
    this.#format = format;
    const keys = object.kind === 'snapshot' ? this.#entries.replace(object.entries) : this.#entries.apply(object);
    const first = this.value === null;
    this.value = this.#entries;
    return { changed: first || keys.length > 0, keys };
  }
}

const RENEWAL: ContentChange = { changed: false, keys: [] };
const EXPIRY_MODES: readonly unknown[] = ['open', 'closed', 'hold', 'unset'] satisfies ExpiryMode[];

function decodeState<V>(signal: Signal<unknown, V>, payload: Uint8Array, format: ContentFormat) {
  if (isStateSignal(signal)) return signal.decodeState(payload, format);
  return { deleted: false as const, value: signal.decode(payload, format) };
}

function isStateSignal<V>(signal: Signal<unknown, V>): signal is StateSignal<unknown, V> {
  return signal.shape === 'state' && 'decodeState' in signal;
}

// Schemas that have a version, or an expiry mode of the value's own, name the field so.
function fieldOf<Field>(value: unknown, key: string, is: (field: unknown) => field is Field): Field | null {
  if (typeof value !== 'object' || value === null) return null;
  const field = (value as Readonly<Record<string, unknown>>)[key];
  return is(field) ? field : null;
}

function isInteger(field: unknown): field is number {
  return Number.isSafeInteger(field);
}

function isExpiryMode(field: unknown): field is ExpiryMode {
  return EXPIRY_MODES.includes(field);
}
