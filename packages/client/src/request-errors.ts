import { RequestErrorCode, type RequestErrorInfo } from '@higgins/protocol';

/**
 * Whether a refused subscription is tried again. Without a retry interval the draft says not to (draft-18 §10.6); but a
 * publisher that is not there yet may come, and a relay in trouble may recover.
 */
export function mayRetry({ code, retryIntervalMs }: RequestErrorInfo): boolean {
  return retryIntervalMs !== null || code === null || RECOVERABLE.has(code);
}

/** Whether a refusal says that the way to the publisher is broken, so that a cache may still have the value. */
export function mayBeCached(code: number): boolean {
  return UNREACHABLE.has(code);
}

const UNREACHABLE: ReadonlySet<number> = new Set([
  RequestErrorCode.INTERNAL_ERROR,
  RequestErrorCode.TIMEOUT,
  RequestErrorCode.DOES_NOT_EXIST,
  RequestErrorCode.EXCESSIVE_LOAD,
]);

const RECOVERABLE: ReadonlySet<number> = new Set([
  ...UNREACHABLE,
  RequestErrorCode.GOING_AWAY,
  RequestErrorCode.DUPLICATE_SUBSCRIPTION,
]);
