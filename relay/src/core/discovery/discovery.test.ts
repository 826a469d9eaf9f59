import { RequestErrorCode, SHAPE_STATE, type TrackNamespace, trackNamespace } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { allowAnyone } from '../authorizer.js';
import type { TestPeer } from '../testing/test-peer.js';
import { TestPublisher } from '../testing/test-publisher.js';
import { TestWorld, trackOf } from '../testing/test-world.js';

const namespaceOf = (path: string): TrackNamespace => (path === '' ? trackNamespace([]) : trackOf(path).namespace);

function textOf(namespace: TrackNamespace): string {
  return namespace.fields.map((field) => new TextDecoder().decode(field)).join('/');
}

/** What the peer knows to be published, by the notices of one request. */
function known(peer: TestPeer, request: number): string[] {
  const names = new Set<string>();
  for (const notice of peer.notices) {
    if (notice.kind === 'namespace' && notice.request === request) names.add(textOf(notice.namespace));
    if (notice.kind === 'namespace-done' && notice.request === request) names.delete(textOf(notice.namespace));
  }
  return [...names].sort();
}

function discover(peer: TestPeer, path: string): number {
  const request = peer.session.subscribeNamespace(namespaceOf(path));
  peer.pump();
  return request;
}

function announce(peer: TestPeer, path: string): number {
  const request = peer.session.publishNamespace(namespaceOf(path));
  peer.pump();
  return request;
}

describe('SUBSCRIBE_NAMESPACE', () => {
  it('N092, N095, N129: tells of every namespace under the prefix, field by field, now and later', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const publisher = await world.client('edge');
    announce(publisher, 'platform/health');
    announce(publisher, 'platformx/health');
    await world.pass(10);
    const client = await world.client('edge');
    const request = discover(client, 'platform');
    await world.until(() => client.of('request-ok', request).length === 1);
    announce(publisher, 'platform/lists/blocked');
    announce(publisher, 'platform');
    await world.pass(10);
    expect(known(client, request)).toEqual(['platform', 'platform/health', 'platform/lists/blocked']);
    expect(client.notices.findIndex(({ kind }) => kind === 'request-ok')).toBeLessThan(
      client.notices.findIndex(({ kind }) => kind === 'namespace'),
    );
  });

  it('an empty prefix is told of everything, the peer’s own namespaces included', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const client = await world.client('edge');
    const request = discover(client, '');
    announce(client, 'own');
    announce(await world.client('edge'), 'foreign/one');
    await world.until(() => known(client, request).length === 2);
    expect(known(client, request)).toEqual(['foreign/one', 'own']);
  });

  it('N261: a namespace is done when the last of its publishers has withdrawn it, and told of once', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const [one, two] = [await world.client('edge'), await world.client('edge')];
    const first = announce(one, 'shared');
    announce(two, 'shared');
    const client = await world.client('edge');
    const request = discover(client, 'shared');
    await world.until(() => known(client, request).length === 1);
    one.cancel(first);
    await world.pass(20);
    expect(client.of('namespace-done')).toEqual([]);
    two.connection.close(0, '');
    await world.until(() => client.of('namespace-done').length === 1);
    expect(client.of('namespace').length).toBe(1);
  });

  it('N259, N266: prefixes that overlap within a session are refused, of either kind for itself', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const client = await world.client('edge');
    discover(client, 'a/b');
    const overlapping = [discover(client, 'a'), discover(client, 'a/b/c')];
    discover(client, 'a/c');
    client.session.subscribeTracks(namespaceOf('a'));
    client.pump();
    await world.until(() => client.of('request-error').length === 2);
    expect(client.of('request-error').map(({ request, error }) => [request, error.code])).toEqual(
      overlapping.map((request) => [request, RequestErrorCode.PREFIX_OVERLAP]),
    );
    await world.pass(10);
    expect(client.of('request-ok')).toHaveLength(3);
  });

  it('an update of the prefix moves it: what is new is told of, what is outside no more', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const publisher = await world.client('edge');
    for (const path of ['a/one', 'b/one']) announce(publisher, path);
    const client = await world.client('edge');
    const request = discover(client, 'a');
    await world.until(() => known(client, request).length === 1);
    client.session.update(request, { namespacePrefix: namespaceOf('b') });
    client.pump();
    await world.until(() => known(client, request).includes('b/one'));
    for (const path of ['a/two', 'b/two']) announce(publisher, path);
    await world.pass(10);
    expect(known(client, request)).toEqual(['b/one', 'b/two']);
  });

  it('N260, N267: is refused outside of a grant, an update of it too, which ends it', async () => {
    const world = new TestWorld();
    const authorizer = {
      ...allowAnyone,
      authorizeDiscovery: (_principal: unknown, prefix: TrackNamespace) =>
        textOf(prefix).startsWith('open')
          ? { allowed: true as const }
          : { allowed: false as const, code: RequestErrorCode.UNAUTHORIZED, reason: 'not yours' },
    };
    await world.relay('edge', { authorizer });
    const publisher = await world.client('edge');
    const client = await world.client('edge');
    const refused = [discover(client, 'closed'), client.session.subscribeTracks(namespaceOf('closed'))];
    const request = discover(client, 'open');
    await world.until(() => client.of('request-error').length === 2);
    expect(
      client
        .of('request-error')
        .map((notice) => notice.request)
        .sort(),
    ).toEqual(refused.sort());
    client.session.update(request, { namespacePrefix: namespaceOf('closed') });
    client.pump();
    await world.until(() => client.of('request-error', request).length > 0);
    announce(publisher, 'open/late');
    await world.pass(10);
    expect(known(client, request)).toEqual([]);
  });

  it('a subscriber that does not read loses the request instead of the relay its memory', async () => {
    const world = new TestWorld();
    const relay = await world.relay('edge', { limits: { discoveryBacklogBytes: 500 } });
    const publisher = await world.client('edge');
    const client = await world.client('edge');
    discover(client, 'many');
    await world.pass(10);
    world.network.partition('client-2', 'edge');
    for (let index = 0; index < 200; index++) announce(publisher, `many/${index}`);
    await world.pass(100);
    const [peer] = [...relay.node.core.peers].filter(({ connection }) =>
      connection.peer.address.startsWith('client-2'),
    );
    expect(peer!.interests.size).toBe(0);
    expect(peer!.connection.backlogBytes()).toBeLessThan(10_000);
  });
});

describe('over two tiers', () => {
  async function twoTiers() {
    const world = new TestWorld();
    const origin = await world.relay('origin');
    const edge = await world.relay('edge', { upstreams: ['origin'] });
    await world.until(() => edge.node.core.links.connected);
    return { world, origin, edge };
  }

  it('namespaces that are published at the origin are known at the edge, by one request for many clients', async () => {
    const { world, origin } = await twoTiers();
    const publisher = await world.client('origin');
    const withdrawn = announce(publisher, 'a/b/one');
    const clients = await Promise.all(['a/b', 'a', 'a/b', 'c'].map(() => world.client('edge')));
    const requests = ['a/b', 'a', 'a/b', 'c'].map((path, index) => discover(clients[index]!, path));
    await world.until(() => clients.slice(0, 3).every((client, index) => known(client, requests[index]!).length === 1));
    const [peer] = [...origin.node.core.peers].filter(({ interests }) => interests.size > 0);
    await world.pass(10_000);
    expect([...peer!.interests.values()].map(({ prefix }) => textOf(prefix)).sort()).toEqual(['a', 'c']);
    // The wider request has taken the place of the narrower one without a word to those who are served by it.
    expect(clients.flatMap((client) => client.of('namespace-done'))).toEqual([]);
    clients[1]!.cancel(requests[1]!);
    await world.pass(10_000);
    expect([...peer!.interests.values()].map(({ prefix }) => textOf(prefix)).sort()).toEqual(['a/b', 'c']);
    expect(clients.flatMap((client) => client.of('namespace-done'))).toEqual([]);
    publisher.cancel(withdrawn);
    await world.until(() => known(clients[0]!, requests[0]!).length === 0);
  });

  it('what the upstream told of is gone with its session, and back with the next', async () => {
    const { world, origin } = await twoTiers();
    announce(await world.client('origin'), 'a/one');
    const client = await world.client('edge');
    announce(await world.client('edge'), 'a/two');
    const request = discover(client, 'a');
    await world.until(() => known(client, request).length === 2);
    origin.kill();
    world.network.resetConnections('edge', 'origin');
    await world.until(() => known(client, request).length === 1);
    expect(known(client, request)).toEqual(['a/two']);
    await world.relay('origin');
    announce(await world.client('origin'), 'a/three');
    await world.until(() => known(client, request).length === 2);
    expect(known(client, request)).toEqual(['a/three', 'a/two']);
  });

  it('N225: an upstream that does not serve it is asked once, one that resets it again', async () => {
    const world = new TestWorld();
    const edge = await world.relay('edge', { upstreams: ['origin'] });
    const upstream = await world.server('origin');
    upstream.onNotice = (notice) => {
      if (notice.kind === 'subscribe-namespace') {
        const error = { code: RequestErrorCode.NOT_SUPPORTED, reason: 'no', retryIntervalMs: null };
        upstream.session.reject(notice.request, error);
      } else if (notice.kind === 'subscribe-tracks') upstream.session.abort(notice.request, 0);
    };
    await world.until(() => edge.node.core.links.connected);
    const client = await world.client('edge');
    const request = discover(client, 'a');
    client.session.subscribeTracks(namespaceOf('a'));
    client.pump();
    announce(await world.client('edge'), 'a/here');
    await world.pass(30_000);
    expect(upstream.of('subscribe-namespace')).toHaveLength(1);
    expect(upstream.of('subscribe-tracks').length).toBeGreaterThan(2);
    expect(known(client, request)).toEqual(['a/here']);
  });

  it('a track that was discovered can be subscribed to', async () => {
    const { world } = await twoTiers();
    const publisher = new TestPublisher(await world.client('origin'), trackOf('a/one'), { shape: SHAPE_STATE });
    publisher.announce();
    const client = await world.client('edge');
    const request = discover(client, 'a');
    await world.until(() => known(client, request).length === 1);
    const { subscription } = client.join(publisher.name);
    await world.until(() => client.of('subscribe-ok', subscription).length === 1);
    publisher.publish({ group: 1, ttlMs: 1_000 });
    await world.until(() => client.objects(subscription).length === 1);
  });
});
