import type { ConnectionLimits } from './transport.js';

/**
 * Limits where the owner states none. They suit a peer that is not known yet: stream credit is memory per connection,
 * so it starts small; the windows let one connection fill 100 Mb/s at 600 ms of round trip.
 */
export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  bidirectionalStreamsInitial: 16,
  bidirectionalStreamsMax: 256,
  unidirectionalStreamsInitial: 16,
  unidirectionalStreamsMax: 256,
  connectionWindowBytes: 8 * 1024 * 1024,
  streamWindowBytes: 1024 * 1024,
  backlogBytesMax: 64 * 1024 * 1024,
  keepAliveMs: 10_000,
  idleTimeoutMs: 30_000,
};

/** The limits with defaults filled in. Throws a RangeError that names the field if one of them makes no sense. */
export function resolveLimits(limits: Partial<ConnectionLimits> | undefined): ConnectionLimits {
  const resolved = { ...DEFAULT_CONNECTION_LIMITS, ...limits };
  for (const [field, value] of Object.entries(resolved)) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`limit ${field} is ${value}, expected an integer of 0 or more`);
    }
  }
  return resolved;
}
