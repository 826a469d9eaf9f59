import { TransportError, type TransportErrorCode } from '@higgins/transport';

const CODES: ReadonlySet<string> = new Set<TransportErrorCode>([
  'address-in-use',
  'address-invalid',
  'certificate-invalid',
  'certificate-rejected',
  'protocol-mismatch',
  'permission-denied',
  'refused',
  'timed-out',
  'aborted',
  'closed',
  'internal',
]);

/** Makes the error of the interface from the addon's text `code: message`; other text becomes `internal`. */
export function transportError(description: string, cause?: unknown): TransportError {
  const colon = description.indexOf(': ');
  const code = description.slice(0, colon);
  const options = cause === undefined ? {} : { cause };
  if (!isCode(code)) return new TransportError('internal', description, options);
  return new TransportError(code, description.slice(colon + 2), options);
}

/** Calls the addon, and turns what it throws into a TransportError. */
export function translate<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw transportError(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function isCode(text: string): text is TransportErrorCode {
  return CODES.has(text);
}
