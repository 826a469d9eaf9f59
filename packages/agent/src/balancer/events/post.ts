import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { SecureContext } from 'node:tls';

/** One request to a receiver. */
export interface PostOrder {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; owned by the caller, not changed. */
  readonly body: Uint8Array;
  readonly lookup: LookupFunction;
  /** For https; absent: the authorities that come with Node. */
  readonly secureContext?: SecureContext;
}

/**
 * Sends it on a connection of its own and resolves to the status; redirects are not followed, the answer's body is not
 * read. Rejects with the socket's error, or with the signal's reason; the connection is closed in any case.
 */
export async function post(order: PostOrder, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  const { url, headers, body, lookup, secureContext } = order;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const request = send(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'content-length': body.length, connection: 'close' },
    agent: false,
    lookup,
    ...(secureContext ? { secureContext } : {}),
  });
  const abort = () => reject(signal.reason);
  request.on('response', ({ statusCode }) => resolve(statusCode ?? 0));
  request.on('error', reject);
  signal.addEventListener('abort', abort, { once: true });
  try {
    request.end(body);
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
    request.destroy();
  }
}
