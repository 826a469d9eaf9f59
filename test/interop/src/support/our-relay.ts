import { type RelayServer, startRelay } from '@higgins/relay';
import type { TestIdentity } from './identity.js';

/** How both transports are spelled in a URL, by the name that tests give them. */
export const SCHEMES = { 'raw QUIC': 'moqt', WebTransport: 'https' } as const;

/** Our relay on a free port, which lets in everyone. */
export function startOurRelay(identity: TestIdentity): Promise<RelayServer> {
  return startRelay({
    listen: { host: '127.0.0.1', port: 0 },
    tls: { certificate: identity.certificateFile, privateKey: identity.privateKeyFile },
    anonymous: true,
    log: { level: 'silent' },
  });
}
