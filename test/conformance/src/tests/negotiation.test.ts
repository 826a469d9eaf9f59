import { PROTOCOLS, profileOf } from '@higgins/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QuicTransport } from '../../../../packages/quic/src/quic-transport.js';
import { makeAuthority } from '../../../../packages/quic/src/testing/certificates.js';

const LATER = 'moqt-22';
const CURRENT = PROTOCOLS[0]!;

let client: QuicTransport;
let server: QuicTransport;
beforeEach(() => {
  [client, server] = [new QuicTransport(), new QuicTransport()];
});
afterEach(async () => {
  await Promise.all([client.close(), server.close()]);
});

/** What a server with these protocols and a client with those agree on, over one kind of connection. */
async function agreed(scheme: 'moqt' | 'https', offered: readonly string[], spoken: readonly string[]) {
  const authority = await makeAuthority('test');
  const accepted = Promise.withResolvers<string>();
  const listener = await server.listen({
    host: '127.0.0.1',
    port: 0,
    identity: await authority.issue('server'),
    protocols: spoken,
    accept: (connection) => accepted.resolve(connection.peer.protocol),
  });
  const url = `${scheme}://127.0.0.1:${listener.port}/`;
  const { peer } = await client.connect({ url, protocols: offered, authoritiesPem: authority.certificatePem });
  return { client: peer.protocol, server: await accepted.promise };
}

describe.each([
  ['raw QUIC (ALPN)', 'moqt'],
  ['WebTransport (subprotocol)', 'https'],
] as const)('BUS-66, BUS-132: over %s', (_name, scheme) => {
  it('the newest draft that both speak is taken, whatever the client prefers', async () => {
    const both = { client: LATER, server: LATER };
    expect(await agreed(scheme, [CURRENT, LATER], [LATER, CURRENT])).toEqual(both);
  });

  it.each([
    ['the client', [CURRENT], [LATER, CURRENT]],
    ['the server', [LATER, CURRENT], [CURRENT]],
    ['neither', [CURRENT], [CURRENT]],
  ])('where only an older one is common because of %s, that is', async (_who, offered, spoken) => {
    const result = await agreed(scheme, offered, spoken);
    expect(result).toEqual({ client: CURRENT, server: CURRENT });
    expect(profileOf(result.client).protocol).toBe(CURRENT);
  });

  it('without a common one there is no session', async () => {
    await expect(agreed(scheme, ['moqt-17'], [LATER, CURRENT])).rejects.toMatchObject({ code: 'protocol-mismatch' });
  });
});
