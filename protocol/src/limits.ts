/**
 * Every limit of the protocol core. Those that the draft fixes are constants; those that an operator may choose are
 * fields of `Limits`.
 */

/** Draft-18 §10: the length field of a message has 16 bits. */
export const MESSAGE_BYTES_MAX = 0xffff;
/** Draft-18 §2.4.1: fields of a Track Namespace. */
export const NAMESPACE_FIELDS_MAX = 32;
/** Draft-18 §2.4.1: bytes of all fields of a Full Track Name together, lengths not counted. */
export const FULL_TRACK_NAME_BYTES_MAX = 4096;
/** Draft-18 §1.4.4: bytes of a Reason Phrase. */
export const REASON_PHRASE_BYTES_MAX = 1024;
/** Draft-18 §10.4: bytes of the New Session URI of GOAWAY; REDIRECT names no bound, the same one is used. */
export const SESSION_URI_BYTES_MAX = 8192;
/** Draft-18 §1.4.3: bytes of the value of one Key-Value-Pair. */
export const KEY_VALUE_BYTES_MAX = 0xffff;
/** Draft-18 §10.3.1.3: what one registered token costs beyond its value. */
export const TOKEN_OVERHEAD_BYTES = 16;

/** What one session grants its peer. Each field bounds memory that the peer could otherwise make us spend. */
export interface Limits {
  /** Payload of one Object, in bytes. Default 4 MiB: twice the largest packed list; larger things travel by URL. */
  readonly objectBytesMax: number;
  /** Properties of one Object, in bytes. Default 64 KiB: one Key-Value-Pair of the largest size that the draft has. */
  readonly propertiesBytesMax: number;
  /** Bytes of requests and data held back until the peer's SETUP arrives (draft-18 §3.3). Default 256 KiB. */
  readonly bytesBeforeSetupMax: number;
  /** MAX_AUTH_TOKEN_CACHE_SIZE that is offered, in bytes. Default 64 KiB: a few tokens with large claims. */
  readonly tokenCacheBytesMax: number;
}

/** The defaults of every field of `Limits`. */
export const DEFAULT_LIMITS: Limits = {
  objectBytesMax: 4 * 1024 * 1024,
  propertiesBytesMax: 64 * 1024,
  bytesBeforeSetupMax: 256 * 1024,
  tokenCacheBytesMax: 64 * 1024,
};
