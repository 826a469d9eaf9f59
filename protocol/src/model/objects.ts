import type { Vi64 } from './vi64.js';

/** SUBGROUP_HEADER (draft-18 §11.4.2). `subgroup` is known with the first object at the latest. */
export interface SubgroupHeader {
  readonly trackAlias: Vi64;
  readonly group: Vi64;
  /** Null until the first object names it (mode 0b01). */
  subgroup: Vi64 | null;
  /** 0 to 255, lower goes first; null: the track's default (DEFAULT_PRIORITY bit). */
  readonly priority: number | null;
  readonly endOfGroup: boolean;
  readonly firstObject: boolean;
  /** Whether objects carry a properties field. */
  readonly hasProperties: boolean;
}

/** Object Status (draft-18 §11.2.1.1): an object, or the word that there are none from its Location on. */
export type ObjectStatus = 'normal' | 'end-of-group' | 'end-of-track';

/** One Object with its payload, whole. Byte arrays are the receiver's own. */
export interface ReceivedObject {
  readonly group: Vi64;
  /** Null: it was sent as a datagram. */
  readonly subgroup: Vi64 | null;
  readonly object: Vi64;
  readonly status: ObjectStatus;
  readonly priority: number;
  /** Encoded Key-Value-Pairs, without their length; empty if none. */
  readonly properties: Uint8Array;
  readonly payload: Uint8Array;
}

/** The publisher's priority of a track that states none (draft-18 §12.4). */
export const DEFAULT_PUBLISHER_PRIORITY = 128;
