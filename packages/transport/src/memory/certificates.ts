import { type Identity, TransportError } from '../transport.js';

/**
 * Certificates of the in-memory network: JSON text in the place of PEM, so that outcomes of mutual TLS can be simulated
 * without cryptography. An authority is its name; a list of authorities is one name per line.
 */
export interface MemoryCertificate {
  /** The authority that issued it. */
  readonly issuer: string;
  /** Whom it names. */
  readonly subject: string;
  /** Wall time in milliseconds from which it holds; default: always. */
  readonly notBeforeMs?: number;
  /** Wall time in milliseconds up to which it holds; default: for ever. */
  readonly notAfterMs?: number;
  /** Hosts that a server may show it for; default: any. */
  readonly hosts?: readonly string[];
}

/** An identity for the in-memory network. */
export function memoryIdentity(certificate: MemoryCertificate): Identity {
  return { certificatePem: JSON.stringify(certificate), privateKeyPem: keyOf(certificate.subject) };
}

/** The authorities' names as `authoritiesPem` and `clientAuthoritiesPem` of the in-memory network want them. */
export function memoryAuthorities(...names: readonly string[]): string {
  return names.join('\n');
}

/** The identity itself, or a TransportError (`certificate-invalid`) if certificate and key are no pair. */
export function checkedIdentity(identity: Identity): Identity {
  const certificate = certificateOf(identity);
  if (certificate === null) {
    throw new TransportError('certificate-invalid', 'certificate is not one of the in-memory network');
  }
  if (identity.privateKeyPem !== keyOf(certificate.subject)) {
    throw new TransportError('certificate-invalid', 'private key does not belong to the certificate');
  }
  return identity;
}

/** The certificate of an identity; null if there is none. */
export function certificateOf(identity: Identity | undefined): MemoryCertificate | null {
  return identity === undefined ? null : parseCertificate(identity.certificatePem);
}

/** What PeerInfo.certificate holds. */
export function encodeCertificate(identity: Identity): Uint8Array {
  return new TextEncoder().encode(identity.certificatePem);
}

/** Reads PeerInfo.certificate; null if it holds something else. */
export function decodeMemoryCertificate(bytes: Uint8Array): MemoryCertificate | null {
  return parseCertificate(new TextDecoder().decode(bytes));
}

/** Stands for the SHA-256 of a certificate (`certificateHashes`): 32 bytes, equal for equal certificates. */
export function memoryCertificateHash(identity: Identity): Uint8Array {
  const hash = new Uint8Array(32);
  let state = 0x811c9dc5;
  const text = identity.certificatePem;
  for (let index = 0; index < text.length + hash.length; index += 1) {
    state = Math.imul(state ^ (index < text.length ? text.charCodeAt(index) : index), 0x01000193);
    hash[index % hash.length]! ^= state >>> 24;
  }
  return hash;
}

/** Null if one of the authorities issued the certificate and it holds at `wallMs`; else why not. */
export function judgeCertificate(
  certificate: MemoryCertificate | null,
  authorities: string | undefined,
  wallMs: number,
): string | null {
  if (certificate === null) return 'no certificate';
  if (certificate.notBeforeMs !== undefined && wallMs < certificate.notBeforeMs) return 'not yet valid';
  if (certificate.notAfterMs !== undefined && wallMs > certificate.notAfterMs) return 'expired';
  if (!(authorities ?? '').split('\n').includes(certificate.issuer)) return 'unknown authority';
  return null;
}

function keyOf(subject: string): string {
  return `key of ${subject}`;
}

function parseCertificate(text: string): MemoryCertificate | null {
  try {
    const value: unknown = JSON.parse(text);
    return isCertificate(value) ? value : null;
  } catch {
    return null;
  }
}

function isCertificate(value: unknown): value is MemoryCertificate {
  if (typeof value !== 'object' || value === null) return false;
  const { issuer, subject } = value as { issuer?: unknown; subject?: unknown };
  return typeof issuer === 'string' && typeof subject === 'string';
}
