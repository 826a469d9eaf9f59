import { readFileSync } from 'node:fs';
import type { RelayAddress } from '@higgins/client';
import type { AgentConfig } from '../config.js';
import { reasonOf } from '../reason.js';

/** A certificate or key file can't be used; the message names field, file and reason. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError';
  readonly code = 'tls-file-invalid';
}

/** Certificates and keys are a few KB; whatever is larger is not one. */
const PEM_BYTES_MAX = 1024 * 1024;

/**
 * The relays of a configuration with the certificates to reach them.
 *
 * @throws TlsFileError
 */
export function relayAddresses({ relays, tls }: AgentConfig): RelayAddress[] {
  const { authorities, certificate, privateKey, insecure } = tls;
  const trust = authorities === undefined ? {} : { authoritiesPem: readPem(authorities, 'tls.authorities') };
  const identity =
    certificate === undefined || privateKey === undefined
      ? {}
      : {
          identity: {
            certificatePem: readPem(certificate, 'tls.certificate'),
            privateKeyPem: readPem(privateKey, 'tls.privateKey'),
          },
        };
  return relays.map(({ url }) => ({ url, insecure, ...trust, ...identity }));
}

function readPem(path: string, field: string): string {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > PEM_BYTES_MAX) throw new Error(`${bytes.length} bytes, expected at most ${PEM_BYTES_MAX}`);
    const text = bytes.toString('utf8');
    if (!text.includes('-----BEGIN ')) throw new Error('no BEGIN line, expected PEM');
    return text;
  } catch (cause) {
    throw new TlsFileError(`${field} ${path}: ${reasonOf(cause)}`, { cause });
  }
}
