import { type ConnectionLimits, resolveLimits } from '@higgins/transport';

/**
 * The addon keeps about 50 bytes per allowed unidirectional stream from the beginning of each connection: with 8 the
 * relay holds thousands of idle subscribers cheaply, and credit doubles as soon as a publisher uses it.
 */
const UNIDIRECTIONAL_STREAMS_INITIAL = 8;

/**
 * The limits with the defaults filled in: those of `@higgins/transport`, but for the initial unidirectional credit.
 *
 * @throws RangeError that names the field
 */
export function quicLimits(given: Partial<ConnectionLimits> | undefined): ConnectionLimits {
  return resolveLimits({ unidirectionalStreamsInitial: UNIDIRECTIONAL_STREAMS_INITIAL, ...given });
}
