import { describe, expect, it } from 'vitest';
import { encodeSubgroupHeader, encodeSubgroupObject } from '../data/subgroup.js';
import { establishedPair, track } from '../testing/sessions.js';

const EMPTY = new Uint8Array(0);

function head(trackAlias: number, group: number): Uint8Array {
  return encodeSubgroupHeader({
    trackAlias,
    group,
    subgroup: 0,
    priority: null,
    endOfGroup: true,
    firstObject: true,
    hasProperties: false,
  });
}

function object(text: string): Uint8Array {
  return encodeSubgroupObject({
    delta: 0,
    properties: EMPTY,
    hasProperties: false,
    status: 'normal',
    payload: new TextEncoder().encode(text),
  });
}

describe('session', () => {
  it('exchanges SETUP', () => {
    const pair = establishedPair({ client: { path: '/x', authority: 'relay.example', implementation: 'test' } });
    expect(pair.client.session.established).toBe(true);
    expect(pair.server.one('setup').options).toMatchObject({ path: '/x', authority: 'relay.example' });
    expect(pair.client.kinds()).toEqual(['setup']);
  });

  it('carries a subscription from SUBSCRIBE to PUBLISH_DONE', () => {
    const pair = establishedPair();
    const { client, server } = pair;
    const name = track('platform/health/pop/fra1');
    const request = client.session.subscribe(name, { filter: { kind: 'largest-object' } });
    pair.run();
    const asked = server.one('subscribe');
    expect(asked.name.key).toBe(name.key);
    expect(asked.request).toBe(request);
    const trackAlias = server.session.trackAlias(7);
    server.session.acceptSubscribe(request, { trackAlias, largest: { group: 3, object: 0 } });
    const stream = server.session.openSubgroup(request, head(7, 4), 10);
    server.session.writeData(stream, object('hello'), false);
    server.session.writeData(stream, object('again'), true);
    server.session.publishDone(request, {
      code: 2,
      streamCount: server.session.streamsOpened(request),
      reason: 'ended',
    });
    pair.run();
    expect(client.kinds()).toEqual([
      'setup',
      'subscribe-ok',
      'subgroup',
      'object',
      'object',
      'subgroup-end',
      'publish-done',
    ]);
    expect(client.one('subscribe-ok').ok).toEqual({ trackAlias: 7, largest: { group: 3, object: 0 } });
    expect(client.all('object').map(({ object }) => [object.object, new TextDecoder().decode(object.payload)])).toEqual(
      [
        [0, 'hello'],
        [1, 'again'],
      ],
    );
  });
});
