import { PublishDoneCode, RequestErrorCode, type RequestUpdateParameters } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { type Authorizer, allowAnyone } from './authorizer.js';
import type { RelayLimits } from './limits.js';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('video/camera');
const UNAUTHORIZED = { allowed: false as const, code: RequestErrorCode.UNAUTHORIZED, reason: 'not yours' };

/** Whoever shows a token with a 0 in it is refused. */
const byToken: Authorizer = {
  ...allowAnyone,
  authorizeSubscribe: (_principal, _track, tokens) => judge(tokens),
  authorizePublish: (_principal, _namespace, _name, tokens) => judge(tokens),
};

function judge(tokens: readonly { readonly value: Uint8Array }[]) {
  return tokens.some(({ value }) => value.includes(0)) ? UNAUTHORIZED : { allowed: true as const };
}

const GOOD = { authorizationTokens: [{ type: 0, value: Uint8Array.of(1) }] };
const BAD = { authorizationTokens: [{ type: 0, value: Uint8Array.of(0) }] };

async function edge(limits: Partial<RelayLimits> = {}) {
  const world = new TestWorld();
  const relay = await world.relay('edge', { authorizer: byToken, limits });
  const publisher = new TestPublisher(await world.client('edge'), TRACK);
  const announced = publisher.announce();
  await world.pass(10);
  const client = await world.client('edge');
  const request = client.subscribe(TRACK);
  await world.until(() => client.of('subscribe-ok', request).length === 1);
  for (const group of [5, 6]) publisher.publish({ group });
  await world.until(() => client.objects(request).length === 2);
  const update = (parameters: RequestUpdateParameters) => {
    client.session.update(request, parameters);
    client.pump();
  };
  return { world, relay, publisher, announced, client, request, update };
}

describe('REQUEST_UPDATE of a subscription', () => {
  it('N230: is answered once each, in order, with the Largest Location', async () => {
    const { world, client, request, update } = await edge();
    update({ subscriberPriority: 3 });
    update(GOOD);
    update({});
    await world.until(() => client.of('update-ok', request).length === 3);
    expect(client.of('update-ok', request).map(({ ok }) => ok.largest)).toEqual(
      Array.from({ length: 3 }, () => ({ group: 6, object: 0 })),
    );
  });

  it.each([
    [
      'a range that is over',
      { filter: { kind: 'absolute-range' as const, start: { group: 1, object: 0 }, endGroup: 4 } },
    ],
    ['a token that does not grant it', BAD],
  ])('N231: %s fails, and the subscription ends with UPDATE_FAILED', async (_name, parameters) => {
    const { world, client, request, update, publisher } = await edge();
    update(parameters);
    await world.until(() => client.of('publish-done', request).length === 1);
    expect(client.of('request-error', request)).toMatchObject([{ update: true }]);
    expect(client.of('publish-done', request)[0]!.done).toMatchObject({
      code: PublishDoneCode.UPDATE_FAILED,
      streamCount: 2,
    });
    publisher.publish({ group: 7 });
    await world.pass(10);
    expect(client.places(request)).toEqual(['5/0', '6/0']);
  });

  it('N088: a filter that widens or narrows holds from then on', async () => {
    const { world, client, request, update, publisher } = await edge();
    update({ filter: { kind: 'absolute-range', start: { group: 8, object: 0 }, endGroup: 8 } });
    await world.until(() => client.of('update-ok', request).length === 1);
    for (const group of [7, 8, 9]) publisher.publish({ group });
    await world.pass(10);
    update({ filter: { kind: 'absolute-start', start: { group: 0, object: 0 } } });
    await world.until(() => client.of('update-ok', request).length === 2);
    publisher.publish({ group: 10 });
    await world.pass(10);
    expect(client.places(request)).toEqual(['5/0', '6/0', '8/0', '10/0']);
  });

  it('N247, N248: a joining FETCH behind an update that starts it counts from there, and none is served before', async () => {
    const { world, publisher } = await edge();
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { forward: false });
    await world.until(() => client.of('subscribe-ok', request).length === 1);
    publisher.publish({ group: 7 });
    await world.pass(10);
    const early = client.fetch({ kind: 'relative-joining', subscription: request, groupsBack: 0 });
    await world.until(() => client.of('request-error', early).length === 1);
    expect(client.of('request-error', early)[0]!.error.code).toBe(RequestErrorCode.INVALID_RANGE);
    client.session.update(request, { forward: true });
    const fetch = client.fetch({ kind: 'relative-joining', subscription: request, groupsBack: 1 });
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    publisher.publish({ group: 8 });
    await world.pass(10);
    expect([client.places(fetch), client.places(request)]).toEqual([['6/0', '7/0'], ['8/0']]);
  });

  it('N250: a joining FETCH for what is no subscription is refused', async () => {
    const { world, client, announced } = await edge();
    const fetch = client.fetch({ kind: 'relative-joining', subscription: announced + 1000, groupsBack: 0 });
    await world.until(() => client.of('request-error', fetch).length === 1);
    expect(client.of('request-error', fetch)[0]!.error.code).toBe(RequestErrorCode.INVALID_JOINING_REQUEST_ID);
  });
});

describe('REQUEST_UPDATE of other requests', () => {
  it('N233: an announcement stays with a good token, and ends with a bad one', async () => {
    const { world, relay, publisher, announced } = await edge();
    publisher.peer.session.update(announced, GOOD);
    publisher.peer.pump();
    await world.until(() => publisher.peer.of('update-ok', announced).length === 1);
    expect(relay.node.core.counters.namespaces).toBe(1);
    publisher.peer.session.update(announced, BAD);
    publisher.peer.pump();
    await world.until(() => publisher.peer.of('request-error', announced).length > 0);
    expect(relay.node.core.counters.namespaces).toBe(0);
  });

  it('a publisher may show another token for its PUBLISH, which ends with a bad one', async () => {
    const { world, relay } = await edge();
    const other = new TestPublisher(await world.client('edge'), trackOf('video/other'));
    const request = other.offer();
    await world.until(() => other.peer.of('publish-ok', request).length === 1);
    other.peer.session.update(request, GOOD);
    other.peer.pump();
    await world.until(() => other.peer.of('update-ok', request).length === 1);
    other.peer.session.update(request, BAD);
    other.peer.pump();
    await world.until(() => other.peer.of('request-error', request).length > 0);
    await world.pass(10);
    expect(relay.node.core.tracks.get(other.name)).toBeNull();
  });

  it('N101, N230: a fetch that is under way takes one, and goes by its new priority', async () => {
    const { world, publisher, client, request } = await edge({ fetchBacklogBytes: 100_000 });
    const other = new TestPublisher(publisher.peer, trackOf('video/other'));
    other.announce();
    const live = client.subscribe(other.name, { subscriberPriority: 100 });
    await world.until(() => client.of('subscribe-ok', live).length === 1);
    for (let object = 0; object < 6; object++) {
      publisher.publish({ group: 7, object, payload: 'x'.repeat(100_000), last: object === 5 });
    }
    await world.until(() => client.objects(request).length === 8);
    world.network.link('edge', 'client-2').configure({ bytesPerSecond: 200_000 });
    const range = { start: { group: 7, object: 0 }, end: { group: 7, object: 0 } };
    const fetch = client.fetch({ kind: 'standalone', name: TRACK, ...range }, { subscriberPriority: 10 });
    await world.until(() => client.of('fetch-ok', fetch).length === 1);
    client.session.update(fetch, { subscriberPriority: 200 });
    client.pump();
    await world.until(() => client.of('update-ok', fetch).length === 1);
    other.publish({ group: 1, payload: 'x'.repeat(20_000) });
    await world.until(() => client.objects(live).length === 1);
    expect(client.objects(fetch).length).toBeLessThan(4);
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    expect([client.objects(fetch).length, client.of('closed').length]).toEqual([6, 0]);
  });
});
