import type { FullTrackName } from '@higgins/protocol';

/**
 * `state`: one value, each update a new Group of one Object. `map`: a Group opens with a snapshot and goes on with
 * deltas. `event`: every Object counts.
 */
export type Shape = 'state' | 'map' | 'event';

/** What a consumer does when a value's time is up: allow, deny, keep and mark, or act as if the value were not there. */
export type ExpiryMode = 'open' | 'closed' | 'hold' | 'unset';

/** How a payload is encoded; travels as a Track Property, so that consumers need not guess. */
export type ContentFormat = 'cbor' | 'msgpack' | 'json';

/** `current` is what everybody follows; `canary` is a staged value that only chosen PoPs read. Both are Track Names. */
export type Stage = 'current' | 'canary';

/** One row of the registry without its codecs: what holds for every track of the pattern. */
export interface SignalRow {
  /** Stable identifier, such as `organisation-list`. */
  readonly id: string;
  /** Path pattern, such as `org/{org}/lists/{list}`. */
  readonly pattern: string;
  readonly shape: Shape;
  /** Who writes such a track; each track has one writer at a time. */
  readonly writer: string;
  /** Who acts on it. */
  readonly consumers: readonly string[];
  /** The TTL of an object that states none, and the bounds that the bus accepts. */
  readonly ttlMs: number;
  readonly ttlMsMin: number;
  readonly ttlMsMax: number;
  /** How often an unchanged value is sent again if its TTL is `ttlMs`; another TTL is renewed at a third of it. */
  readonly renewalMs: number;
  /** What consumers do at expiry if the value itself does not say. */
  readonly onExpiry: ExpiryMode;
  /** How long history keeps objects. */
  readonly retentionMs: number;
  /** 1000 × major + minor that this code writes; it reads every version up to it, and newer ones of the same major. */
  readonly schemaVersion: number;
  /** Payload bytes allowed, checked before decoding. */
  readonly bytesMax: number;
  /** The parameters of a track of this signal, whatever its stage; null if the name is not one of them. */
  params(name: FullTrackName): unknown;
}

/**
 * One row of the registry: everything that publishers and consumers of a kind of track agree on.
 *
 * `P` are the parameters of the track's path, `V` is a decoded value. For maps, `V` is the value of one key.
 */
export interface Signal<P, V> extends SignalRow {
  /** Throws NameError naming the segment. The stage is `current` if not given. */
  name(params: P, stage?: Stage): FullTrackName;
  /** Inverse of `name`, for either stage; null if the track is not one of this signal. */
  params(name: FullTrackName): P | null;
  /** The bytes are the caller's. Throws SchemaError naming field, value and expectation. */
  encode(value: V, format?: ContentFormat): Uint8Array;
  /** Throws SchemaError naming field, value and expectation; never reads past the limits. Keeps no view of `bytes`. */
  decode(bytes: Uint8Array, format?: ContentFormat): V;
}

/** What an Object of a state track says: a value, or that there is none any more. */
export type StateObject<V> =
  | { readonly deleted: false; readonly value: V }
  | { readonly deleted: true; readonly tombstone: Tombstone };

/** The explicit end of a value. It is renewed like a value and kept for `tombstoneKeepMs`. */
export interface Tombstone {
  /** The version that the deletion counts as; null where the signal has no versions. */
  readonly version: number | null;
  /** When it was deleted, on the writer's wall clock; null if unknown. For people, never for decisions. */
  readonly deletedWallMs: number | null;
}

/** A signal whose tracks hold one value each. `decode` throws SchemaError `DELETED` at a tombstone. */
export interface StateSignal<P, V> extends Signal<P, V> {
  readonly shape: 'state';
  decodeState(bytes: Uint8Array, format?: ContentFormat): StateObject<V>;
  encodeTombstone(tombstone: Tombstone, format?: ContentFormat): Uint8Array;
}

/** Changes to a map track: keys to set, with their encoded values, and keys to remove; both empty: a heartbeat. */
export interface MapDelta {
  readonly set: ReadonlyMap<string, Uint8Array>;
  readonly removed: readonly string[];
}

/** One Object of a map track. Values stay encoded until they are read: `decode` of the signal reads one. */
export type MapObject =
  | { readonly kind: 'snapshot'; readonly entries: ReadonlyMap<string, Uint8Array> }
  | ({ readonly kind: 'delta' } & MapDelta);

/** A signal whose tracks hold many keys. Decoded objects hold views into the payload, which must not change. */
export interface MapSignal<P, V> extends Signal<P, V> {
  readonly shape: 'map';
  /** Bytes of one encoded value. */
  readonly valueBytesMax: number;
  encodeSnapshot(entries: ReadonlyMap<string, Uint8Array>, format?: ContentFormat): Uint8Array;
  encodeDelta(delta: MapDelta, format?: ContentFormat): Uint8Array;
  decodeObject(bytes: Uint8Array, format?: ContentFormat): MapObject;
}

/** How long a tombstone is kept and renewed: no copy of the value that it ends can live longer. */
export function tombstoneKeepMs(signal: SignalRow): number {
  return 2 * signal.ttlMsMax;
}
