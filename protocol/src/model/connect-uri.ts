import type { SetupOptions } from './requests.js';

/**
 * AUTHORITY and PATH as a client on raw QUIC states them in SETUP: authority, path and query of a `moqt://` URI, byte
 * for byte (draft-18 §10.3.1.1, §10.3.1.2). Empty for any other URI: WebTransport carries both itself.
 */
export function setupOptionsOf(uri: string): Pick<SetupOptions, 'authority' | 'path'> {
  const match = /^moqt:\/\/([^/?#]*)([^#]*)/i.exec(uri);
  return match === null ? {} : { authority: match[1] ?? '', path: match[2] ?? '' };
}
