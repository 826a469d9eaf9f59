import { readFileSync } from 'node:fs';
import type { Identity } from '@higgins/transport';

/** A file of certificates or keys cannot be used; the message names it and says why. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError';
  readonly code = 'tls-file-invalid';
}

/** Certificates and keys are a few KB; whatever is larger is not one. */
const PEM_BYTES_MAX = 1024 * 1024;

/** Reads a PEM file; `what` names its role in errors. Throws TlsFileError. */
export function readPem(path: string, what: string): string {
  let text: string;
  try {
    const bytes = readFileSync(path);
    if (bytes.length > PEM_BYTES_MAX) throw new Error(`${bytes.length} bytes, expected at most ${PEM_BYTES_MAX}`);
    text = bytes.toString('utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TlsFileError(`${what} ${path} cannot be read: ${reason}`, { cause });
  }
  if (!text.includes('-----BEGIN ')) throw new TlsFileError(`${what} ${path} is not PEM: no BEGIN line`);
  return text;
}

/** Reads a certificate chain and its key. Throws TlsFileError. */
export function readIdentity(certificate: string, privateKey: string): Identity {
  return {
    certificatePem: readPem(certificate, 'certificate'),
    privateKeyPem: readPem(privateKey, 'private key'),
  };
}
