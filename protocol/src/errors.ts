/**
 * Errors by what the receiver of the fault must do: end the session, answer one request, reset one stream, or give up
 * one track. The code tables are those of draft-18 §15.10.
 */

/** Codes that a session is closed with (draft-18 §3.5, §15.10.1). Unknown codes count as INTERNAL_ERROR. */
export const SessionTerminationCode = {
  NO_ERROR: 0x0,
  INTERNAL_ERROR: 0x1,
  UNAUTHORIZED: 0x2,
  PROTOCOL_VIOLATION: 0x3,
  INVALID_REQUEST_ID: 0x4,
  DUPLICATE_TRACK_ALIAS: 0x5,
  KEY_VALUE_FORMATTING_ERROR: 0x6,
  INVALID_PATH: 0x8,
  MALFORMED_PATH: 0x9,
  GOAWAY_TIMEOUT: 0x10,
  CONTROL_MESSAGE_TIMEOUT: 0x11,
  DATA_STREAM_TIMEOUT: 0x12,
  AUTH_TOKEN_CACHE_OVERFLOW: 0x13,
  DUPLICATE_AUTH_TOKEN_ALIAS: 0x14,
  VERSION_NEGOTIATION_FAILED: 0x15,
  MALFORMED_AUTH_TOKEN: 0x16,
  UNKNOWN_AUTH_TOKEN_ALIAS: 0x17,
  EXPIRED_AUTH_TOKEN: 0x18,
  INVALID_AUTHORITY: 0x19,
  MALFORMED_AUTHORITY: 0x1a,
} as const;

/** Codes of REQUEST_ERROR (draft-18 §10.6, §15.10.2). Unknown codes count as INTERNAL_ERROR. */
export const RequestErrorCode = {
  INTERNAL_ERROR: 0x0,
  UNAUTHORIZED: 0x1,
  TIMEOUT: 0x2,
  NOT_SUPPORTED: 0x3,
  MALFORMED_AUTH_TOKEN: 0x4,
  EXPIRED_AUTH_TOKEN: 0x5,
  GOING_AWAY: 0x6,
  EXCESSIVE_LOAD: 0x9,
  DOES_NOT_EXIST: 0x10,
  INVALID_RANGE: 0x11,
  MALFORMED_TRACK: 0x12,
  DUPLICATE_SUBSCRIPTION: 0x19,
  UNINTERESTED: 0x20,
  PREFIX_OVERLAP: 0x30,
  NAMESPACE_TOO_LARGE: 0x31,
  INVALID_JOINING_REQUEST_ID: 0x32,
  UNSUPPORTED_EXTENSION: 0x33,
  REDIRECT: 0x34,
} as const;

/** Codes of PUBLISH_DONE (draft-18 §10.11, §15.10.3). Unknown codes count as INTERNAL_ERROR. */
export const PublishDoneCode = {
  INTERNAL_ERROR: 0x0,
  UNAUTHORIZED: 0x1,
  TRACK_ENDED: 0x2,
  SUBSCRIPTION_ENDED: 0x3,
  GOING_AWAY: 0x4,
  TOO_FAR_BEHIND: 0x5,
  EXPIRED: 0x6,
  UPDATE_FAILED: 0x8,
  EXCESSIVE_LOAD: 0x9,
  MALFORMED_TRACK: 0x12,
} as const;

/** Codes of RESET_STREAM and STOP_SENDING (draft-18 §3.3.3, §15.10.4). Unknown codes count as INTERNAL_ERROR. */
export const StreamResetCode = {
  INTERNAL_ERROR: 0x0,
  CANCELLED: 0x1,
  DELIVERY_TIMEOUT: 0x2,
  SESSION_CLOSED: 0x3,
  GOING_AWAY: 0x4,
  TOO_FAR_BEHIND: 0x5,
  UNKNOWN_OBJECT_STATUS: 0x6,
  EXPIRED_AUTH_TOKEN: 0x7,
  EXCESSIVE_LOAD: 0x9,
  MALFORMED_TRACK: 0x12,
} as const;

/** The peer broke a rule that ends the session: close it with `code`, a SessionTerminationCode. */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** One request cannot be served: answer REQUEST_ERROR with `code`, a RequestErrorCode. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: number;
  /** Milliseconds after which the request may be repeated; null: not at all. */
  readonly retryIntervalMs: number | null;

  constructor(code: number, message: string, retryIntervalMs: number | null = null, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryIntervalMs = retryIntervalMs;
  }
}

/** One stream cannot be used any further: reset it, or stop reading it, with `code`, a StreamResetCode. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The track contradicts itself: cancel its subscriptions and fetches from this publisher (draft-18 §2.4.2). */
export class MalformedTrackError extends Error {
  override readonly name = 'MalformedTrackError';
  readonly code: number = StreamResetCode.MALFORMED_TRACK;
}

/** The caller of an encoder asked for something that the draft cannot express; nothing was written. */
export class EncodeError extends Error {
  override readonly name = 'EncodeError';
  readonly code = 'ENCODE';
}

/** A SessionError with PROTOCOL_VIOLATION. */
export function protocolViolation(message: string): SessionError {
  return new SessionError(SessionTerminationCode.PROTOCOL_VIOLATION, message);
}
