import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, issueIdentity } from '@higgins/cli';
import type { Identity } from '@higgins/transport';

/** An authority and a server certificate for this machine, as text and as files; disposing it removes the files. */
export interface TestIdentity extends Disposable {
  readonly authoritiesPem: string;
  readonly server: Identity;
  /** A client's certificate of the same authority. */
  readonly client: Identity;
  readonly certificateFile: string;
  readonly privateKeyFile: string;
  readonly authoritiesFile: string;
}

/** Makes both anew. */
export async function makeIdentity(): Promise<TestIdentity> {
  const authority = await createAuthority({ name: 'interop' });
  // Browsers accept a certificate by its hash for at most 14 days.
  const server = await issueIdentity(authority, { name: 'relay', hosts: ['localhost', '127.0.0.1', '::1'], days: 10 });
  const client = await issueIdentity(authority, { name: 'client' });
  const directory = mkdtempSync(join(tmpdir(), 'higgins-interop-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  return {
    authoritiesPem: authority.certificatePem,
    server,
    client,
    certificateFile: file('cert.pem', server.certificatePem),
    privateKeyFile: file('priv.key', server.privateKeyPem),
    authoritiesFile: file('ca.pem', authority.certificatePem),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
