import { interopCases, runCase } from '@higgins/cli';
import { RequestErrorCode } from '@higgins/protocol';
import { organisationList } from '@higgins/signals';
import { Path, Time } from '@moq/net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeIdentity, type TestIdentity } from '../support/identity.js';
import { listOf, openClient, versionOf } from '../support/lists.js';
import { SCHEMES } from '../support/our-relay.js';
import { joinInMidGroup, OurPublisher, pattern, trackOf } from '../support/publishing.js';
import { Clients } from '../support/session.js';
import { MoqNetRelay } from './moq-net-relay.js';

let identity: TestIdentity;
let relay: MoqNetRelay;

beforeAll(async () => {
  // It reports every step to the console.
  for (const method of ['debug', 'warn', 'error'] as const) vi.spyOn(console, method).mockImplementation(() => {});
  identity = await makeIdentity();
  relay = await MoqNetRelay.start(identity);
});

afterAll(async () => {
  await relay?.[Symbol.asyncDispose]();
  identity?.[Symbol.dispose]();
});

describe.each(Object.entries(SCHEMES))('@moq/net as the server of our clients over %s', (_, scheme) => {
  const url = () => `${scheme}://127.0.0.1:${relay.port}/`;
  const own = (name: string) => `interop/${scheme}/${name}`;

  it.each(interopCases)('BUS-66: $name', async (one) => {
    await using clients = new Clients(identity);
    const { runtime, transport } = clients;
    const options = { runtime, transport, relay: { url: url(), authoritiesPem: identity.authoritiesPem } };
    const report = await runCase(one, { ...options, timeFactor: 10 });
    expect(report.failure).toBeUndefined();
  });

  it('BUS-66: objects go from our publisher through it to our subscriber', async () => {
    await using clients = new Clients(identity);
    const publisher = await OurPublisher.announce(await clients.ours(url()), trackOf(own('through'), 't'));
    const subscriber = await clients.ours(url());
    // It announces everything that it has, unasked.
    const wanted = trackOf(own('through'), 't').namespace.key;
    let key = '';
    while (key !== wanted) ({ key } = (await subscriber.next(['publish-namespace'], 'PUBLISH_NAMESPACE')).namespace);
    const request = subscriber.command((session) => session.subscribe(trackOf(own('through'), 't'), {}));
    await subscriber.next(['subscribe-ok'], 'SUBSCRIBE_OK', request);
    const payloads = [pattern(10, 1), pattern(60_000, 2)];
    publisher.send(await publisher.subscribed(), 0, payloads);
    for (const [index, payload] of payloads.entries()) {
      const { object } = await subscriber.next(['object'], 'an object', request);
      expect([object.group, object.subgroup, object.object]).toEqual([0, 0, index]);
      expect(object.payload).toEqual(payload);
    }
  });

  it('check 3: our subscriber joins it in the middle of a Subgroup, and gets that from its start and the next', async () => {
    await using clients = new Clients(identity);
    const track = trackOf(own('middle'), 't');
    const publisher = await OurPublisher.announce(await clients.ours(url()), track);
    const places = await joinInMidGroup(track, publisher, await clients.ours(url()), () => clients.ours(url()), 4);
    expect(places).toEqual(['0/0', '0/1', '0/2', '1/0']);
  });

  it('draft-18 §15.10.2: it refuses a track with code 404, which the draft does not have', async () => {
    await using clients = new Clients(identity);
    const client = await clients.ours(url());
    const request = client.command((session) => session.subscribe(trackOf('nonexistent/namespace', 't'), {}));
    const { error } = await client.next(['request-error'], 'REQUEST_ERROR', request);
    // Unknown codes count as INTERNAL_ERROR; for people the number is worth more.
    expect([error.code, error.reason]).toEqual([404, 'Broadcast not found']);
  });

  it('BUS-66: PUBLISH, which it does not have, is refused and hurts nothing', async () => {
    await using clients = new Clients(identity);
    const client = await clients.ours(url());
    const request = client.command((session) => session.publish(trackOf(own('pushed'), 't'), 9));
    const { error } = await client.next(['request-error'], 'REQUEST_ERROR', request);
    expect(error.code).toBe(RequestErrorCode.NOT_SUPPORTED);
    await client.announce(trackOf(own('pushed'), 't').namespace);
  });

  it('BUS-16: the SDK follows a list that it publishes; without properties the registry’s TTL holds', async () => {
    await using resources = new AsyncDisposableStack();
    const list = `direct-${scheme}`;
    const track = relay.offer(Path.from('org/acme/lists', list)).createTrack('current');
    const send = (version: number) =>
      track.writeFrame({ payload: organisationList.encode(listOf(version)), timestamp: Time.Timestamp.now() });
    send(1);
    const reader = await openClient(resources, identity, url(), 'reader');
    const first = await versionOf(reader, list, 1);
    expect(first).toMatchObject({ ttlMs: organisationList.ttlMs, publishMs: null, freshness: 'live' });
    expect(first.value).toEqual(listOf(1));
    const second = versionOf(reader, list, 2);
    send(2);
    expect((await second).value).toEqual(listOf(2));
  });
});
