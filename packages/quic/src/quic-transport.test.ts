import type { Connection } from '@higgins/transport';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QuicTransport } from './quic-transport.js';
import { hashOf } from './testing/certificates.js';
import { ask, echo, join, listenTo, serve, testAuthority } from './testing/pair.js';
import { settle, waitFor } from './testing/waiting.js';

const encode = (text: string) => new TextEncoder().encode(text);

let client: QuicTransport;
let server: QuicTransport;
beforeEach(() => {
  [client, server] = [new QuicTransport(), new QuicTransport()];
});
afterEach(async () => {
  await Promise.all([client.close(), server.close()]);
});

describe('one port', () => {
  it('takes raw QUIC and WebTransport, and says which it is', async () => {
    const { listener, accepted } = await serve(server, { accept: (connection) => kept(connection) });
    function kept(connection: Connection) {
      accepted.push(connection);
      echo(connection);
    }
    const raw = await join(client, listener, 'moqt');
    const web = await join(client, listener, 'https');
    expect(await ask(raw, encode('raw'))).toBe('raw');
    expect(await ask(web, encode('web'))).toBe('web');
    expect(accepted.map(({ peer }) => [peer.kind, peer.protocol, peer.path])).toEqual([
      ['quic', 'moqt-18', ''],
      ['webtransport', 'moqt-18', '/'],
    ]);
  });

  it('listens on IPv6', async () => {
    const { listener } = await serve(server, { host: '::1', accept: echo });
    const connection = await join(client, listener);
    expect(connection.peer.address).toBe(`[::1]:${listener.port}`);
    expect(await ask(connection, encode('six'))).toBe('six');
  });

  it('finds a server that listens on one of the addresses of its name', async () => {
    const { listener } = await serve(server, { accept: echo });
    const { certificatePem } = await testAuthority();
    const url = `moqt://localhost:${listener.port}`;
    const connection = await settle(client.connect({ url, protocols: ['moqt-18'], authoritiesPem: certificatePem }));
    expect(await ask(connection, encode('name'))).toBe('name');
  });

  it('names the address that is in use', async () => {
    const { listener } = await serve(server);
    await expect(serve(client, { port: listener.port })).rejects.toMatchObject({
      code: 'address-in-use',
      message: `127.0.0.1:${listener.port} is already in use`,
    });
  });

  it('is free again once a listener without connections is closed', async () => {
    const { listener } = await serve(server);
    await listener.close();
    const again = await serve(client, { port: listener.port });
    expect(again.listener.port).toBe(listener.port);
  });

  it.each(['moqt', 'https'])(
    'makes %s clients prove their address by a stateless retry when told to',
    async (scheme) => {
      await server.close();
      server = new QuicTransport({ retryHandshakes: 0 });
      const { listener } = await serve(server, { accept: echo });
      expect(await ask(await join(client, listener, scheme), encode('proved'))).toBe('proved');
      expect(server.stats()).toMatchObject({ retriesSent: 1, connectionsAccepted: 1, connections: 1 });
    },
  );
});

describe('certificates', () => {
  it('accepts a server by the hash of its certificate, and says so', async () => {
    const identity = await (await testAuthority()).issue('server');
    const { listener } = await serve(server, { identity });
    const options = { url: `https://127.0.0.1:${listener.port}`, protocols: ['moqt-18'] };
    const connection = await settle(client.connect({ ...options, certificateHashes: [hashOf(identity)] }));
    expect(connection.peer.certificateError).toBe('accepted by its hash');
    const wrong = client.connect({ ...options, certificateHashes: [new Uint8Array(32)] });
    await expect(settle(wrong)).rejects.toMatchObject({ code: 'certificate-rejected' });
  });

  it.each([
    ['certificatePem', { certificatePem: 'nothing', privateKeyPem: 'nothing' }, /certificatePem holds no certificate/],
    ['privateKeyPem', { privateKeyPem: 'nothing' }, /privateKeyPem holds no private key/],
    ['both', { privateKeyPem: 'other' }, /privateKeyPem does not belong to certificatePem/],
  ])('names what is wrong with an identity: %s', async (_, change, message) => {
    const authority = await testAuthority();
    const other = await authority.issue('other');
    const key = change.privateKeyPem === 'other' ? other.privateKeyPem : change.privateKeyPem;
    const identity = { ...(await authority.issue('server')), ...change, privateKeyPem: key };
    await expect(serve(server, { identity })).rejects.toMatchObject({ code: 'certificate-invalid', message });
  });
});

describe('fan-out', () => {
  it('BUS-49: hands 50 receivers of both kinds the same bytes for one call', async () => {
    const { listener, accepted } = await serve(server);
    const received: string[] = [];
    for (let index = 0; index < 50; index += 1) {
      const connection = await join(client, listener, index % 2 === 0 ? 'moqt' : 'https');
      listenTo(connection, {
        data: (stream, bytes) => {
          received[index] = `${received[index] ?? ''}${stream % 4 >= 2 ? new TextDecoder().decode(bytes) : '?'}`;
        },
      });
    }
    await waitFor(() => accepted.length === 50, 'all are accepted');
    const set = server.receiverSet({ missed: () => {}, drained: () => {} });
    for (const connection of accepted) set.add(connection, 128);
    for (let group = 1; group <= 3; group += 1) {
      set.open(group, encode(`<${group}:`), { publisherPriority: 128, ifBacklogBelow: 1 << 20 });
      set.append(group, encode('value>'), true);
      await waitFor(
        () => received.length === 50 && received.every((text) => text.endsWith(`<${group}:value>`)),
        `group ${group} has come everywhere`,
      );
    }
    expect(new Set(received)).toEqual(new Set(['<1:value><2:value><3:value>']));
    expect(accepted.map((connection) => set.remove(connection))).toEqual(accepted.map(() => 3));
  });

  it('grows bidirectional credit far beyond what it begins with', async () => {
    const limits = { bidirectionalStreamsMax: 4096 };
    const { listener } = await serve(server, { limits, accept: echo });
    const connection = await join(client, listener);
    const answered = new Set<number>();
    let credits = 0;
    listenTo(connection, {
      data: (stream) => answered.add(stream),
      credit: () => {
        credits += 1;
      },
    });
    for (let opened = 0; opened < 1000; ) {
      const stream = connection.open(true, 100);
      if (stream === null) {
        const known = credits;
        await waitFor(() => credits > known, `credit after ${opened} streams`);
        continue;
      }
      connection.write(stream, encode('subscribe'), false);
      opened += 1;
    }
    await waitFor(() => answered.size === 1000, 'all streams are answered while all are open');
  });
});
