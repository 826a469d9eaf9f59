import type { RelayServer } from '@higgins/relay';
import { organisationList, parsePath } from '@higgins/signals';
import { Broadcast, Path, Time, type Track } from '@moq/net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeIdentity, type TestIdentity } from '../support/identity.js';
import { listOf, openClient, versionOf } from '../support/lists.js';
import { SCHEMES, startOurRelay } from '../support/our-relay.js';
import { OurPublisher, pattern, trackOf } from '../support/publishing.js';
import { Clients } from '../support/session.js';

let identity: TestIdentity;
let relay: RelayServer;

beforeAll(async () => {
  // It reports every step to the console.
  for (const method of ['debug', 'warn', 'error'] as const) vi.spyOn(console, method).mockImplementation(() => {});
  identity = await makeIdentity();
  relay = await startOurRelay(identity);
});

afterAll(async () => {
  await relay?.close();
  identity?.[Symbol.dispose]();
});

describe.each(Object.entries(SCHEMES))('@moq/net as a client of our relay over %s', (_, scheme) => {
  const url = () => `${scheme}://127.0.0.1:${relay.port}/`;
  /** A namespace of this test and transport alone. */
  const own = (name: string) => `interop/${scheme}/${name}`;

  it('BUS-66: setup-only: agrees on draft-18', async () => {
    await using clients = new Clients(identity);
    const client = await clients.theirs(url());
    expect(client.version).toBe('moq-transport-18');
    client.close();
    await client.closed;
  });

  it('BUS-66: announce-only and announce-subscribe: what it publishes reaches our subscriber byte for byte', async () => {
    await using clients = new Clients(identity);
    const publisher = await clients.theirs(url());
    const track = publish(publisher, own('theirs')).createTrack('test-track');
    const subscriber = await clients.ours(url());
    await subscribeOnceAnnounced(subscriber, own('theirs'));
    const groups = [[pattern(1, 1)], [pattern(5, 2), pattern(70_000, 3), new Uint8Array(0), pattern(900, 4)]];
    for (const payloads of groups) writeGroup(track, payloads);
    const received = [];
    while (received.length < 5) received.push((await subscriber.next(['object'], 'an object')).object);
    // Groups are streams of their own, which may overtake each other.
    received.sort((left, right) => Number(left.group) - Number(right.group));
    expect(received.map(({ group, subgroup, object, status }) => [group, subgroup, object, status])).toEqual([
      [0, 0, 0, 'normal'],
      ...[0, 1, 2, 3].map((object) => [1, 0, object, 'normal']),
    ]);
    expect(received.map(({ payload }) => payload)).toEqual(groups.flat());
  });

  it('BUS-66: publish-namespace-done: our SUBSCRIBE_NAMESPACE tells what it announces and withdraws', async () => {
    await using clients = new Clients(identity);
    const watcher = await clients.ours(url());
    const { namespace: prefix } = trackOf(own('discovery'), '-');
    const request = watcher.command((session) => session.subscribeNamespace(prefix));
    await watcher.next(['request-ok'], 'REQUEST_OK to SUBSCRIBE_NAMESPACE', request);
    const broadcast = publish(await clients.theirs(url()), own('discovery/theirs'));
    const { key } = trackOf(own('discovery/theirs'), '-').namespace;
    expect((await watcher.next(['namespace'], 'NAMESPACE', request)).namespace.key).toBe(key);
    // It ends the request's stream with FIN and STOP_SENDING, where draft-18 §3.3.2 has a reset.
    broadcast.close();
    expect((await watcher.next(['namespace-done'], 'NAMESPACE_DONE', request)).namespace.key).toBe(key);
  });

  it('BUS-66: it is told what ours announces and withdraws, and what dies with its session', async () => {
    await using clients = new Clients(identity);
    const announced = (await clients.theirs(url())).announced(Path.from(own('told')));
    const first = await clients.ours(url());
    const request = await first.announce(trackOf(own('told/a'), '-').namespace);
    expect(await announced.next()).toEqual({ path: 'a', active: true });
    first.command((session) => session.cancel(request));
    expect(await announced.next()).toEqual({ path: 'a', active: false });
    await first.announce(trackOf(own('told/b/c'), '-').namespace);
    expect(await announced.next()).toEqual({ path: 'b/c', active: true });
    await first.close();
    expect(await announced.next()).toEqual({ path: 'b/c', active: false });
  });

  it('BUS-66: announce-subscribe: what ours publishes reaches it byte for byte', async () => {
    await using clients = new Clients(identity);
    const publisher = await OurPublisher.announce(await clients.ours(url()), trackOf(own('ours'), 'test-track'));
    const subscriber = await clients.theirs(url());
    const track = subscriber
      .consume(Path.from(own('ours')))
      .track('test-track')
      .subscribe();
    const request = await publisher.subscribed();
    const groups = [[pattern(3, 1), pattern(40_000, 2)], [pattern(8, 3)]];
    for (const [group, payloads] of groups.entries()) {
      publisher.send(request, group, payloads);
      const received = await track.recvGroup();
      expect(received?.sequence).toBe(group);
      for (const payload of payloads) expect((await received?.readFrame())?.payload).toEqual(payload);
    }
  });

  it('BUS-16: reads past private properties that it does not know', async () => {
    await using clients = new Clients(identity);
    const publisher = await OurPublisher.announce(await clients.ours(url()), trackOf(own('properties'), 't'));
    const subscriber = await clients.theirs(url());
    const track = subscriber
      .consume(Path.from(own('properties')))
      .track('t')
      .subscribe();
    // Property 0x3800, an integer: 5; and 0x3803, bytes.
    publisher.send(await publisher.subscribed(), 0, [pattern(9, 1)], Uint8Array.of(0xb8, 0, 5, 3, 2, 0xaa, 0xbb));
    expect((await track.readFrame())?.payload).toEqual(pattern(9, 1));
  });

  it('BUS-16: the SDK follows a list that it publishes; without properties the registry’s TTL holds', async () => {
    await using resources = new AsyncDisposableStack();
    const clients = resources.use(new Clients(identity));
    const list = `foreign-${scheme}`;
    const track = publish(await clients.theirs(url()), `org/acme/lists/${list}`).createTrack('current');
    const send = (version: number) => track.writeFrame(frame(organisationList.encode(listOf(version))));
    send(1);
    const reader = await openClient(resources, identity, url(), 'reader');
    const first = await versionOf(reader, list, 1);
    expect(first).toMatchObject({ ttlMs: organisationList.ttlMs, publishMs: null, freshness: 'live' });
    expect(first.value).toEqual(listOf(1));
    const second = versionOf(reader, list, 2);
    send(2);
    expect((await second).value).toEqual(listOf(2));
  });

  it.each(
    scheme === 'moqt'
      ? [
          ['platform/health/pop/fra1', 'platform/health/pop/fra1'],
          ['org/acme/ddos/203.0.113.0%2F24', 'org/acme/ddos/203.0.113.0\\/24'],
          ['org/acme/ddos/2001:db8::%2F32', 'org/acme/ddos/2001:db8::\\/32'],
        ]
      : [
          ['platform/health/pop/ams1', 'platform/health/pop/ams1'],
          ['org/acme/ddos/198.51.100.0%2F24', 'org/acme/ddos/198.51.100.0\\/24'],
          ['org/acme/ddos/2001:db8:1::%2F48', 'org/acme/ddos/2001:db8:1::\\/48'],
        ],
  )('BUS-01, BUS-03: asks for %s by its fields and gets the object', async (path, escaped) => {
    await using clients = new Clients(identity);
    const publisher = await OurPublisher.announce(await clients.ours(url()), parsePath(path));
    const subscriber = await clients.theirs(url());
    const track = subscriber
      .consume(escaped as Path.Valid)
      .track('current')
      .subscribe();
    publisher.send(await publisher.subscribed(), 0, [pattern(20, 1)]);
    expect((await track.readFrame())?.payload).toEqual(pattern(20, 1));
  });

  it('BUS-66: subscribe-error: a track that nobody has is refused', async () => {
    await using clients = new Clients(identity);
    const client = await clients.theirs(url());
    const track = client.consume(Path.from('nonexistent/namespace')).track('test-track').subscribe();
    await expect(track.readFrame()).rejects.toThrow(/code=16 /);
    // The session goes on.
    expect(await Promise.race([client.closed.then(() => 'closed'), answered(client)])).toBe('answered');
  });

  it('BUS-66: subscribe-before-announce: it is refused at once, since it asks for no wait, and succeeds afterwards', async () => {
    await using clients = new Clients(identity);
    const subscriber = await clients.theirs(url());
    const path = Path.from(own('early'));
    await expect(subscriber.consume(path).track('t').subscribe().readFrame()).rejects.toThrow(/code=16 /);
    const publisher = await OurPublisher.announce(await clients.ours(url()), trackOf(own('early'), 't'));
    const track = subscriber.consume(path).track('t').subscribe();
    publisher.send(await publisher.subscribed(), 0, [pattern(4, 1)]);
    expect((await track.readFrame())?.payload).toEqual(pattern(4, 1));
  });

  it('BUS-66: subscribe-before-announce: our subscriber waits for its publisher', async () => {
    await using clients = new Clients(identity);
    const subscriber = await clients.ours(url());
    const request = subscriber.command((session) =>
      session.subscribe(trackOf(own('awaited'), 't'), { rendezvousTimeoutMs: 20_000 }),
    );
    const publisher = await clients.theirs(url());
    publish(publisher, own('awaited'))
      .createTrack('t')
      .writeFrame(frame(pattern(6, 1)));
    await subscriber.next(['subscribe-ok'], 'SUBSCRIBE_OK', request);
    expect((await subscriber.next(['object'], 'an object')).object.payload).toEqual(pattern(6, 1));
  });

  it('draft-18 §10.2: it wants a length in front of LARGEST_OBJECT, so it cannot join a track that has objects', async () => {
    await using clients = new Clients(identity);
    const publisher = await OurPublisher.announce(await clients.ours(url()), trackOf(own('running'), 't'));
    const first = await clients.ours(url());
    const request = first.command((session) => session.subscribe(trackOf(own('running'), 't'), {}));
    publisher.send(await publisher.subscribed(), 0, [pattern(4, 1)]);
    await first.next(['object'], 'an object', request);
    // For us it is a Location, two integers, without which a publisher may not answer (§10.2.11).
    const second = await clients.ours(url());
    const join = second.command((session) => session.subscribe(trackOf(own('running'), 't'), {}));
    const { ok } = await second.next(['subscribe-ok'], 'SUBSCRIBE_OK', join);
    expect(ok.largest).toEqual({ group: 0, object: 0 });
    const theirs = await clients.theirs(url());
    const track = theirs
      .consume(Path.from(own('running')))
      .track('t')
      .subscribe();
    await expect(track.readFrame()).rejects.toThrow('buffer is empty');
  });
});

type Session = Awaited<ReturnType<Clients['theirs']>>;

function publish(session: Session, namespace: string): Broadcast.Producer {
  const broadcast = new Broadcast.Producer();
  session.publish(Path.from(namespace), broadcast);
  return broadcast;
}

function frame(payload: Uint8Array) {
  return { payload, timestamp: Time.Timestamp.now() };
}

function writeGroup(track: Track.Producer, payloads: readonly Uint8Array[]): void {
  const group = track.appendGroup();
  for (const payload of payloads) group.writeFrame(frame(payload));
  group.close();
}

/** Asks for the track until the announcement, which is on its way, has come. */
async function subscribeOnceAnnounced(subscriber: Awaited<ReturnType<Clients['ours']>>, namespace: string) {
  const parameters = { rendezvousTimeoutMs: 20_000 };
  const request = subscriber.command((session) => session.subscribe(trackOf(namespace, 'test-track'), parameters));
  await subscriber.next(['subscribe-ok'], 'SUBSCRIBE_OK', request);
}

/** Resolves once the relay has answered another request. */
async function answered(session: Session): Promise<string> {
  const track = session.consume(Path.from('nonexistent/again')).track('test-track').subscribe();
  await track.readFrame().catch(() => {});
  return 'answered';
}
