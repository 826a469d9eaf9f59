import type { RequestId } from '@higgins/protocol';
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
