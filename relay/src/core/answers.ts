import { RequestErrorCode, type RequestErrorInfo, type RequestId } from '@higgins/protocol';
import type { Peer } from './peer.js';
import type { RelayContext } from './relay-context.js';

/** At most so much of a retry interval is added at random, so that those refused together do not come back together. */
const RETRY_JITTER = 0.5;

/** REQUEST_ERROR for a request of the peer's. `retryMs` null: not to be tried again. */
export function reject(
  context: RelayContext,
  peer: Peer,
  request: RequestId,
  code: number,
  reason: string,
  retryMs: number | null = null,
): void {
  context.counters.requestsRejected++;
  const retryIntervalMs = retryMs === null ? null : Math.ceil(retryMs * (1 + RETRY_JITTER * context.random()));
  peer.session.reject(request, { code, reason, retryIntervalMs });
  context.touch(peer);
}

/**
 * Passes the REQUEST_ERROR of a publisher on, with a redirect as it is (draft-18 §10.6.1): a relay does not connect to
 * wherever a peer says. Servers take none to another place, so that an upstream gets none. What has no code was not
 * answered.
 */
export function passError(context: RelayContext, peer: Peer, request: RequestId, error: RequestErrorInfo): void {
  const { code, reason, retryIntervalMs, redirect } = error;
  if (redirect === undefined || (peer.kind === 'upstream' && redirect.connectUri !== '')) {
    const plain = code === null || code === RequestErrorCode.REDIRECT ? RequestErrorCode.INTERNAL_ERROR : code;
    reject(context, peer, request, plain, reason, retryIntervalMs);
    return;
  }
  context.counters.requestsRejected++;
  peer.session.reject(request, error);
  context.touch(peer);
}
