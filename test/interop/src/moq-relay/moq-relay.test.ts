import { interopCases, runCase } from '@higgins/cli';
import {
  encodeSubgroupHeader,
  encodeSubgroupObject,
  fullTrackName,
  RequestErrorCode,
  SessionTerminationCode,
  trackNamespace,
  utf8,
} from '@higgins/protocol';
import { startRelay } from '@higgins/relay';
import { organisationList } from '@higgins/signals';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeIdentity, type TestIdentity } from '../support/identity.js';
import { listOf, openClient, versionOf } from '../support/lists.js';
import { SCHEMES, startOurRelay } from '../support/our-relay.js';
import { peerProgram } from '../support/peer-program.js';
import { joinInMidGroup, OurPublisher, pattern, trackOf } from '../support/publishing.js';
import { Clients } from '../support/session.js';
import { MoqRelay } from './moq-relay.js';

const { path, reason } = peerProgram('moq-relay');

describe.skipIf(path === null)(`moq-relay${reason}`, () => {
  let identity: TestIdentity;
  let relay: MoqRelay;

  beforeAll(async () => {
    identity = await makeIdentity();
    relay = await MoqRelay.start(path ?? '', identity);
  });

  afterAll(async () => {
    await relay?.[Symbol.asyncDispose]();
    identity?.[Symbol.dispose]();
  });

  describe.each(Object.entries(SCHEMES))('over %s', (_, scheme) => {
    const url = () => `${scheme}://127.0.0.1:${relay.port}/`;
    const own = (name: string) => `interop/${scheme}/${name}`;

    /** A publisher and a subscriber of one track, both through the relay. */
    async function pair(clients: Clients, name: string) {
      const track = trackOf(own(name), 't');
      const publisher = await OurPublisher.announce(await clients.ours(url()), track);
      const subscriber = await clients.ours(url());
      const request = subscriber.command((session) => session.subscribe(track, {}));
      await subscriber.next(['subscribe-ok'], 'SUBSCRIBE_OK', request);
      return { publisher, served: await publisher.subscribed(), subscriber, request };
    }

    /** A relay of ours whose upstream it is. */
    const startBelow = (upstream: string) =>
      startRelay({
        listen: { host: '127.0.0.1', port: 0 },
        tls: {
          certificate: identity.certificateFile,
          privateKey: identity.privateKeyFile,
          clientAuthorities: identity.authoritiesFile,
        },
        anonymous: true,
        upstreams: [{ url: upstream }],
        log: { level: 'silent' },
      });

    /** Resolves once the relay knows the list: who asks before is refused, and asks again seconds later. */
    async function announced(list: string): Promise<void> {
      await using clients = new Clients(identity);
      const watcher = await clients.ours(url());
      const { namespace } = organisationList.name({ org: 'acme', list });
      const request = watcher.command((session) => session.subscribeNamespace(namespace));
      await watcher.next(['namespace'], 'NAMESPACE', request);
    }

    it.each(interopCases)('BUS-66: $name', async (one) => {
      await using clients = new Clients(identity);
      const { runtime, transport } = clients;
      const options = { runtime, transport, relay: { url: url(), authoritiesPem: identity.authoritiesPem } };
      const report = await runCase(one, { ...options, timeFactor: 10 });
      expect(report.failure).toBeUndefined();
    });

    it('BUS-66: objects go from our publisher through it to our subscriber', async () => {
      await using clients = new Clients(identity);
      const { publisher, served, subscriber, request } = await pair(clients, 'through');
      const payloads = [pattern(10, 1), pattern(60_000, 2), pattern(1, 3)];
      publisher.send(served, 0, payloads);
      for (const [index, payload] of payloads.entries()) {
        const { object } = await subscriber.next(['object'], 'an object', request);
        expect([object.group, object.subgroup, object.object]).toEqual([0, 0, index]);
        expect(object.payload).toEqual(payload);
      }
    });

    it('BUS-66: SUBSCRIBE_NAMESPACE tells a namespace and its withdrawal', async () => {
      await using clients = new Clients(identity);
      const { namespace } = trackOf(own('told/a'), 't');
      const watcher = await clients.ours(url());
      const request = watcher.command((session) => session.subscribeNamespace(trackOf(own('told'), 't').namespace));
      await watcher.next(['request-ok'], 'REQUEST_OK to SUBSCRIBE_NAMESPACE', request);
      const publisher = await clients.ours(url());
      const announcement = await publisher.announce(namespace);
      expect((await watcher.next(['namespace'], 'NAMESPACE', request)).namespace.key).toBe(namespace.key);
      publisher.command((session) => session.cancel(announcement));
      expect((await watcher.next(['namespace-done'], 'NAMESPACE_DONE', request)).namespace.key).toBe(namespace.key);
    });

    it('BUS-66: PUBLISH and SUBSCRIBE_TRACKS, which it does not have, are refused and hurt nothing', async () => {
      await using clients = new Clients(identity);
      const client = await clients.ours(url());
      const track = trackOf(own('pushed'), 't');
      for (const request of [
        client.command((session) => session.publish(track, 9)),
        client.command((session) => session.subscribeTracks(trackNamespace([utf8('interop-tracks')]))),
      ]) {
        const { error } = await client.next(['request-error'], 'REQUEST_ERROR', request);
        expect(error.code).toBe(RequestErrorCode.NOT_SUPPORTED);
      }
      await client.announce(track.namespace);
    });

    it('draft-18 §2.5, §9.7: it drops properties that it does not know, adds one of its own, and changes the priority', async () => {
      await using clients = new Clients(identity);
      const { publisher, served, subscriber, request } = await pair(clients, 'properties');
      publisher.send(served, 0, [pattern(5, 1)], Uint8Array.of(0xb8, 0, 5));
      const { object } = await subscriber.next(['object'], 'an object', request);
      // Sent were 0x3800 and priority 7; 0x10 is its Timestamp.
      expect([object.properties[0], object.priority]).toEqual([0x10, 128]);
      expect(object.payload).toEqual(pattern(5, 1));
    });

    it('draft-18 §9.7, §11.4.2: it passes on nothing of a Group with another Subgroup than 0, or with a gap', async () => {
      await using clients = new Clients(identity);
      const { publisher, served, subscriber, request } = await pair(clients, 'gaps');
      for (const [group, subgroup, deltas] of [
        [0, 1, [0]],
        [1, 0, [0, 4]],
        [2, 0, [0]],
      ] as const) {
        publisher.peer.command((session) => {
          const header = { trackAlias: publisher.alias, group, subgroup, priority: 7, endOfGroup: true };
          const head = encodeSubgroupHeader({ ...header, firstObject: true, hasProperties: false });
          const stream = session.openSubgroup(served, head, 7);
          for (const [index, delta] of deltas.entries()) {
            const object = { delta, properties: new Uint8Array(0), hasProperties: false, status: 'normal' as const };
            const bytes = encodeSubgroupObject({ ...object, payload: pattern(3, group) });
            session.writeData(stream, bytes, index === deltas.length - 1);
          }
        });
      }
      const { object } = await subscriber.next(['object'], 'an object', request);
      expect([object.group, object.object]).toEqual([2, 0]);
    });

    it('draft-18 §2.4.1: it closes the session at a namespace that is not UTF-8; fields are bytes', async () => {
      await using clients = new Clients(identity);
      const client = await clients.ours(url());
      const namespace = trackNamespace([utf8('interop'), Uint8Array.of(0xff, 0xfe)]);
      client.command((session) => session.subscribe(fullTrackName(namespace, utf8('t')), {}));
      // Over WebTransport our control stream is refused first, which ends the session in the same way.
      const { code } = await client.next(['closed'], 'the end of the session');
      expect(code).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
    });

    it('BUS-16: a list goes through it; without its properties the registry’s TTL holds', async () => {
      await using resources = new AsyncDisposableStack();
      const writer = await openClient(resources, identity, url(), 'writer');
      const list = `through-${scheme}`;
      await writer.publish(organisationList, { org: 'acme', list }, listOf(1), { ttlMs: 60_000 });
      await announced(list);
      const reader = await openClient(resources, identity, url(), 'reader');
      const first = await versionOf(reader, list, 1);
      expect(first).toMatchObject({ ttlMs: organisationList.ttlMs, publishMs: null, freshness: 'live' });
      expect(first.value).toEqual(listOf(1));
      await writer.publish(organisationList, { org: 'acme', list }, listOf(2), { ttlMs: 60_000 });
      expect((await versionOf(reader, list, 2)).value).toEqual(listOf(2));
    });

    it.each(['at it', 'at a relay of ours below it'])(
      'check 3: we join in the middle of a Subgroup %s, and begin with the next Group',
      async (where) => {
        await using resources = new AsyncDisposableStack();
        const clients = resources.use(new Clients(identity));
        let lateUrl = url();
        if (where !== 'at it') {
          const below = resources.use(await startBelow(url()));
          lateUrl = `${scheme}://127.0.0.1:${below.port}/`;
        }
        const track = trackOf(own(`middle ${where}`.replaceAll(' ', '-')), 't');
        const publisher = await OurPublisher.announce(await clients.ours(url()), track);
        const places = await joinInMidGroup(
          track,
          publisher,
          await clients.ours(url()),
          () => clients.ours(lateUrl),
          1,
        );
        // It passes on no Group of which it would have to leave something out.
        expect(places).toEqual(['1/0']);
      },
    );

    it('BUS-66: it is the upstream of a relay of ours', async () => {
      await using resources = new AsyncDisposableStack();
      const below = resources.use(await startBelow(url()));
      const belowUrl = `${scheme}://127.0.0.1:${below.port}/`;
      const writer = await openClient(resources, identity, url(), 'above');
      await writer.publish(organisationList, { org: 'acme', list: `down-${scheme}` }, listOf(3));
      await announced(`down-${scheme}`);
      const reader = await openClient(resources, identity, belowUrl, 'below');
      expect((await versionOf(reader, `down-${scheme}`, 3)).value).toEqual(listOf(3));
      await reader.publish(organisationList, { org: 'acme', list: `up-${scheme}` }, listOf(4));
      await announced(`up-${scheme}`);
      expect((await versionOf(writer, `up-${scheme}`, 4)).value).toEqual(listOf(4));
    });

    it('check 3: it joins a relay of ours in the middle of a Subgroup, and gets that from its start', async () => {
      await using resources = new AsyncDisposableStack();
      const above = resources.use(await startOurRelay(identity));
      const aboveUrl = `${scheme}://127.0.0.1:${above.port}/`;
      const below = resources.use(await MoqRelay.start(path ?? '', identity, aboveUrl));
      const clients = resources.use(new Clients(identity));
      const track = trackOf(own('middle-below-ours'), 't');
      const connect = () => clients.ours(`${scheme}://127.0.0.1:${below.port}/`);
      const watcher = await connect();
      const watch = watcher.command((session) => session.subscribeNamespace(track.namespace));
      const publisher = await OurPublisher.announce(await clients.ours(aboveUrl), track);
      await watcher.next(['namespace'], 'NAMESPACE', watch);
      const places = await joinInMidGroup(track, publisher, await clients.ours(aboveUrl), connect, 4);
      expect(places).toEqual(['0/0', '0/1', '0/2', '1/0']);
    });

    it('BUS-66: it joins a relay of ours, and objects go through both in both directions', async () => {
      await using resources = new AsyncDisposableStack();
      const above = resources.use(await startOurRelay(identity));
      const aboveUrl = `${scheme}://127.0.0.1:${above.port}/`;
      const below = resources.use(await MoqRelay.start(path ?? '', identity, aboveUrl));
      const belowUrl = `${scheme}://127.0.0.1:${below.port}/`;
      const clients = resources.use(new Clients(identity));
      for (const [name, from, to] of [
        ['down', aboveUrl, belowUrl],
        ['up', belowUrl, aboveUrl],
      ] as const) {
        const track = trackOf(own(`joined-${name}`), 't');
        const subscriber = await clients.ours(to);
        const watch = subscriber.command((session) => session.subscribeNamespace(track.namespace));
        const publisher = await OurPublisher.announce(await clients.ours(from), track);
        await subscriber.next(['namespace'], 'NAMESPACE', watch);
        const request = subscriber.command((session) => session.subscribe(track, {}));
        await subscriber.next(['subscribe-ok'], 'SUBSCRIBE_OK', request);
        publisher.send(await publisher.subscribed(), 0, [pattern(30_000, 1), pattern(9, 2)]);
        for (const payload of [pattern(30_000, 1), pattern(9, 2)]) {
          expect((await subscriber.next(['object'], 'an object', request)).object.payload).toEqual(payload);
        }
      }
    });
  });
});
