import { readFileSync, rmSync } from 'node:fs';
import {
  createSession,
  driveSession,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  type FullTrackName,
  fullTrackName,
  MOQT_18,
  type Notice,
  PublishDoneCode,
  type Session,
  trackNamespace,
} from '@higgins/protocol';
import { QuicTransport } from '@higgins/quic';
import type { ConnectOptions } from '@higgins/transport';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RelayServer, startRelay } from './start-relay.js';
import { type TestCertificates, testCertificates } from './testing/certificates.js';

const ALIAS = 77;
const WAIT_MS_MAX = 10_000;

let certificates: TestCertificates;
let transport: QuicTransport;
let tls: { certificate: string; privateKey: string; clientAuthorities: string };

beforeAll(async () => {
  certificates = await testCertificates();
  tls = { ...(await certificates.issue('relay')), clientAuthorities: certificates.authorities };
  transport = new QuicTransport();
});

afterAll(async () => {
  await transport.close();
  rmSync(certificates.directory, { recursive: true });
});

function relay(options: { anonymous?: boolean; upstreams?: { url: string }[]; admin?: { port: number } } = {}) {
  return startRelay({ listen: { host: '127.0.0.1', port: 0 }, tls, log: { level: 'silent' }, ...options });
}

/** A client over real QUIC: its session, and waiting for what it is told. */
class Client {
  readonly session: Session;
  readonly notices: Notice[] = [];
  readonly pump: () => void;
  #changed: () => void = () => undefined;

  private constructor(connection: Awaited<ReturnType<QuicTransport['connect']>>) {
    const setup = connection.peer.kind === 'quic' ? { path: '/', authority: 'localhost' } : {};
    this.session = createSession({
      role: 'client',
      profile: MOQT_18,
      setup,
      overWebTransport: setup.path === undefined,
    });
    const driver = driveSession(connection, this.session, {
      nowMs: () => performance.now(),
      at: (dueMs, run) => {
        const timer = setTimeout(run, Math.max(0, dueMs - performance.now()));
        return { [Symbol.dispose]: () => clearTimeout(timer) };
      },
      onNotice: (notice) => {
        this.notices.push(notice);
        this.#changed();
      },
    });
    this.pump = () => driver.pump();
  }

  static async connect(port: number, options: Partial<ConnectOptions> = {}): Promise<Client> {
    const authoritiesPem = readFileSync(certificates.authorities, 'utf8');
    const url = `moqt://127.0.0.1:${port}/`;
    return new Client(await transport.connect({ url, protocols: [MOQT_18.protocol], authoritiesPem, ...options }));
  }

  /** The first notice of a kind, which may still have to come. */
  async first<Kind extends Notice['kind']>(kind: Kind): Promise<Extract<Notice, { kind: Kind }>> {
    const endMs = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const found = this.notices.find((notice): notice is Extract<Notice, { kind: Kind }> => notice.kind === kind);
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Error(`no ${kind} notice, but ${this.notices.map((notice) => notice.kind)}`)),
          Math.max(0, endMs - performance.now()),
        );
        this.#changed = () => {
          clearTimeout(late);
          resolve();
        };
      });
    }
  }
}

function trackOf(path: string): FullTrackName {
  const segments = path.split('/').map((segment) => new TextEncoder().encode(segment));
  return fullTrackName(trackNamespace(segments), new TextEncoder().encode('current'));
}

async function identity(name: string) {
  const { certificate, privateKey } = await certificates.issue(name);
  return { certificatePem: readFileSync(certificate, 'utf8'), privateKeyPem: readFileSync(privateKey, 'utf8') };
}

/** Announces the track and answers its SUBSCRIBE; returns what publishes one group of one object. */
async function publishFrom(client: Client, name: FullTrackName): Promise<(group: number, text: string) => void> {
  client.session.publishNamespace(name.namespace);
  client.pump();
  await client.first('request-ok');
  return (group, text) => {
    const { request } = client.notices.find((notice) => notice.kind === 'subscribe')!;
    const head = { trackAlias: ALIAS, group, subgroup: 0, priority: 10, endOfGroup: true, firstObject: true };
    const stream = client.session.openSubgroup(request, encodeSubgroupHeader({ ...head, hasProperties: false }), 10);
    const payload = new TextEncoder().encode(text);
    const object = {
      delta: 0,
      properties: new Uint8Array(0),
      hasProperties: false,
      status: 'normal' as const,
      payload,
    };
    client.session.writeData(stream, encodeSubgroupObject(object), true);
    client.pump();
  };
}

async function accept(client: Client): Promise<void> {
  const { request } = await client.first('subscribe');
  client.session.acceptSubscribe(request, { trackAlias: ALIAS });
  client.pump();
}

it('carries an object over two tiers of real QUIC, and over WebTransport', async () => {
  await using origin: RelayServer = await relay();
  await using edge = await relay({ upstreams: [{ url: `moqt://localhost:${origin.port}/` }] });
  const name = trackOf('platform/lists/blocked');
  const publisher = await Client.connect(origin.port, { identity: await identity('publisher') });
  const publish = await publishFrom(publisher, name);
  const quic = await Client.connect(edge.port, { identity: await identity('subscriber') });
  const web = await Client.connect(edge.port, {
    ...{ identity: await identity('browser'), url: `https://127.0.0.1:${edge.port}/moq` },
  });
  for (const client of [quic, web]) {
    client.session.subscribe(name, { rendezvousTimeoutMs: 5_000 });
    client.pump();
  }
  await accept(publisher);
  await quic.first('subscribe-ok');
  await web.first('subscribe-ok');
  publish(5, 'five');
  for (const client of [quic, web]) {
    const { object } = await client.first('object');
    expect([object.group, new TextDecoder().decode(object.payload)]).toEqual([5, 'five']);
  }
  expect(edge.node.core.counters.upstreamSubscriptions).toBe(1);
});

it('refuses a client without a trusted certificate in one sentence, unless told to be anonymous', async () => {
  await using closed = await relay();
  const stranger = await Client.connect(closed.port);
  const end = await stranger.first('closed');
  expect([end.code, end.remote]).toEqual([0x2, true]);
  expect(end.reason).toBe('relay demands a client certificate of an authority that it trusts: no certificate');
  await using open = await relay({ anonymous: true });
  const guest = await Client.connect(open.port);
  await guest.first('setup');
  guest.session.publishNamespace(trackOf('guest').namespace);
  guest.pump();
  await guest.first('request-ok');
});

it('sends clients away on drain, and ends', async () => {
  const server = await relay({ anonymous: true, admin: { port: 0 } });
  const client = await Client.connect(server.port);
  await client.first('setup');
  const admin = `http://127.0.0.1:${server.adminPort}`;
  expect(await (await fetch(`${admin}/metrics`)).text()).toContain('higgins_relay_sessions 1');
  expect(await (await fetch(`${admin}/sessions`)).json()).toMatchObject({ total: 1, entries: [{ kind: 'client' }] });
  const drained = server.drain();
  expect((await client.first('goaway')).newSessionUri).toBe('');
  client.session.close(0, 'gone');
  client.pump();
  await drained;
});

it('BUS-135: names a wrong option and a missing file', async () => {
  await expect(startRelay({ tls, listen: { port: 1e9 } })).rejects.toThrow(/relay options:1: listen.port: /);
  const missing = { ...tls, certificate: '/nonexistent/relay.pem' };
  await expect(startRelay({ tls: missing })).rejects.toThrow(/certificate \/nonexistent\/relay.pem cannot be read/);
});

it('says that its port is in use', async () => {
  await using first = await relay();
  const second = startRelay({ listen: { host: '127.0.0.1', port: first.port }, tls, log: { level: 'silent' } });
  await expect(second).rejects.toThrow(/in use/);
});

it('BUS-65: PUBLISH, SUBSCRIBE_TRACKS, datagrams and a Subgroup timeout work on raw QUIC and WebTransport', async () => {
  await using server = await relay();
  const name = trackOf('platform/lists/blocked');
  const publisher = await Client.connect(server.port, { identity: await identity('publisher') });
  const request = publisher.session.publish(name, ALIAS);
  publisher.pump();
  expect((await publisher.first('publish-ok')).ok.forward).toBe(false);
  const subscriber = await Client.connect(server.port, {
    url: `https://127.0.0.1:${server.port}/`,
    identity: await identity('subscriber'),
  });
  subscriber.session.subscribeTracks(trackOf('platform/lists').namespace);
  subscriber.pump();
  const offered = await subscriber.first('publish');
  expect(offered.name.key).toBe(name.key);
  subscriber.session.acceptPublish(offered.request, { subgroupDeliveryTimeoutMs: 5_000 });
  subscriber.pump();
  const { parameters } = await publisher.first('update');
  expect(parameters.forward).toBe(true);
  publisher.session.acceptUpdate(request);
  const none = new Uint8Array(0);
  const head = { trackAlias: ALIAS, group: 1, subgroup: 0, priority: 10, endOfGroup: true, firstObject: true };
  const stream = publisher.session.openSubgroup(request, encodeSubgroupHeader({ ...head, hasProperties: false }), 10);
  const payload = new TextEncoder().encode('on a stream');
  const object = { delta: 0, properties: none, hasProperties: false, status: 'normal' as const, payload };
  publisher.session.writeData(stream, encodeSubgroupObject(object), true);
  publisher.pump();
  expect((await subscriber.first('object')).object.payload).toEqual(payload);
  await subscriber.first('subgroup-end');
  publisher.session.sendDatagram(request, {
    ...{ group: 2, object: 0, priority: 10, endOfGroup: true, status: 'normal', properties: none },
    payload: new TextEncoder().encode('in a datagram'),
  });
  publisher.pump();
  const datagram = await subscriber.first('datagram');
  expect(datagram).toMatchObject({ object: { group: 2, subgroup: null }, endOfGroup: true });
  publisher.session.publishDone(request, { code: PublishDoneCode.TRACK_ENDED, streamCount: 1, reason: '' });
  publisher.pump();
  expect((await subscriber.first('publish-done')).done).toMatchObject({
    code: PublishDoneCode.TRACK_ENDED,
    streamCount: 1,
  });
});
