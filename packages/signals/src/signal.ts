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

/**
 * One row of the registry: everything that publishers and consumers of a kind of track agree on.
 *
 * `P` are the parameters of the track's path, `V` is a decoded value. For maps, `V` is the value of one key.
 */
export interface Signal<P, V> {
  /** Stable identifier, such as `named-list`. */
  readonly id: string;
  /** Path pattern, such as `org/{org}/lists/{list}`. */
  readonly pattern: string;
  readonly shape: Shape;
  /** The default, and the bounds that an owner may set it within. */
  readonly ttlMs: number;
  readonly ttlMsMin: number;
  readonly ttlMsMax: number;
  readonly onExpiry: ExpiryMode;
  /** Version of the schema that this code writes; it reads every version up to it, and newer ones with the same major. */
  readonly schemaVersion: number;
  /** Payload bytes allowed, checked before decoding. */
  readonly bytesMax: number;
  /** Throws NameError naming the segment. */
  name(params: P): FullTrackName;
  /** Inverse of `name`; null if the track is not one of this signal. */
  params(name: FullTrackName): P | null;
  /** Throws SchemaError naming field, value and expectation. */
  encode(value: V, format?: ContentFormat): Uint8Array;
  /** Throws SchemaError naming field, value and expectation; never reads past the limits. */
  decode(bytes: Uint8Array, format?: ContentFormat): V;
}
