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

/** Bounds of what arrives on one data stream. */
export interface ObjectLimits {
  /** Payload of one Object, in bytes. Default 4 MiB: twice the largest packed list; larger things travel by URL. */
  readonly objectBytesMax: number;
  /** Properties of one Object, in bytes. Default 64 KiB: one Key-Value-Pair of the largest size that the draft has. */
  readonly propertiesBytesMax: number;
}

/** What one session grants its peer. Each field bounds memory that the peer could otherwise make us spend. */
export interface SessionLimits extends ObjectLimits {
  /**
   * Bytes held back until SETUP or a Track Alias arrives (draft-18 §3.3, §11.4.2). Default 5 MiB per session: one Object
   * of the largest size that overtakes its SUBSCRIBE_OK is not lost.
   */
  readonly heldBytesMax: number;
  /** MAX_AUTH_TOKEN_CACHE_SIZE that is offered, in bytes. Default 64 KiB: a few tokens with large claims. */
  readonly tokenCacheBytesMax: number;
  /** How long state is kept after PUBLISH_DONE for streams that are late, in ms. Default 30 s (draft-18 §10.11). */
  readonly publishDoneWaitMsMax: number;
  /** How long late streams are waited for at least after PUBLISH_DONE, in ms. Default 2 s: a few lost packets. */
  readonly publishDoneWaitMs: number;
  /** How long the peer's SETUP may take, in ms. Default 10 s. */
  readonly setupWaitMs: number;
  /** Requests of the peer's at once; each costs about 1 KB. Default 32,768: what a session of 10,000 tracks needs. */
  readonly requestsMax: number;
  /** Request IDs that may still arrive after a higher one. Default 4,096, some 200 KB (draft-18 §10.1). */
  readonly requestIdGapsMax: number;
  /** REQUEST_UPDATEs of one request without a response. Default 64. */
  readonly updatesPerRequestMax: number;
  /** Streams at once beyond which the peer's new ones are refused; each costs about 1 KB besides its object. Default 65,536. */
  readonly streamsMax: number;
  /** Subgroup streams and datagrams that wait for their Track Alias. Default 256 (draft-18 §11.4.2). */
  readonly unknownAliasStreamsMax: number;
  /** How long each of them waits, in ms. Default 2 s. */
  readonly unknownAliasWaitMs: number;
  /** Joining FETCHes that overtook their SUBSCRIBE and wait for it. Default 256. */
  readonly joiningFetchesWaitingMax: number;
  /** How long each of them waits, in ms. Default 2 s. */
  readonly joiningFetchWaitMs: number;
  /** How long a request of the peer's may take to come whole, in ms. Default 10 s, the time that SETUP has. */
  readonly requestWaitMs: number;
  /**
   * Messages on request streams that have come in part, in bytes. Default 4 MiB per session: 64 of the largest size, and
   * many thousands of usual ones.
   */
  readonly partialMessageBytesMax: number;
  /**
   * Data that is taken for PUBLISHes without an answer, in bytes. Default 1 MiB per session: a few Objects of each of
   * them, so that an application that answers late or never need not bound it (draft-18 §5.1).
   */
  readonly unansweredPublishBytesMax: number;
  /**
   * Prefixes of the peer's SUBSCRIBE_NAMESPACEs, and as many of its SUBSCRIBE_TRACKSs; updates that wait for an answer
   * count. Default 1,024: a new prefix is compared with all of them (draft-18 §10.18).
   */
  readonly prefixesMax: number;
  /**
   * Namespaces that the peer may announce under SUBSCRIBE_NAMESPACEs of ours, in bytes of their fields plus 64 for each.
   * Default 4 MiB per session: some 30,000 of usual length.
   */
  readonly namespaceBytesMax: number;
  /** Aliases of ended subscriptions that are remembered to drop their late streams. Default 1,024, some 100 KB. */
  readonly retiredAliasesMax: number;
}

/** The defaults of every field of `SessionLimits`. */
export const DEFAULT_LIMITS: SessionLimits = {
  objectBytesMax: 4 * 1024 * 1024,
  propertiesBytesMax: 64 * 1024,
  heldBytesMax: 5 * 1024 * 1024,
  tokenCacheBytesMax: 64 * 1024,
  publishDoneWaitMsMax: 30_000,
  publishDoneWaitMs: 2_000,
  setupWaitMs: 10_000,
  requestsMax: 32_768,
  requestIdGapsMax: 4_096,
  updatesPerRequestMax: 64,
  streamsMax: 65_536,
  unknownAliasStreamsMax: 256,
  unknownAliasWaitMs: 2_000,
  joiningFetchesWaitingMax: 256,
  joiningFetchWaitMs: 2_000,
  requestWaitMs: 10_000,
  partialMessageBytesMax: 4 * 1024 * 1024,
  unansweredPublishBytesMax: 1024 * 1024,
  prefixesMax: 1_024,
  namespaceBytesMax: 4 * 1024 * 1024,
  retiredAliasesMax: 1024,
};
