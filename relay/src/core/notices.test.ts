import { RequestErrorCode } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/lists/blocked');

describe('requests that the relay does not serve', () => {
  it('are answered NOT_SUPPORTED, and the session goes on', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const client = await world.client('edge');
    const { session } = client;
    const requests = [
      session.publish(TRACK, session.trackAlias(1)),
      session.subscribeNamespace(TRACK.namespace),
      session.subscribeTracks(TRACK.namespace),
    ];
    client.pump();
    await world.until(() => client.of('request-error').length === requests.length);
    const answers = client.of('request-error').map(({ request, error }) => [request, error.code]);
    expect(answers.sort()).toEqual(requests.map((request) => [request, RequestErrorCode.NOT_SUPPORTED]));
    const status = session.trackStatus(TRACK);
    client.pump();
    await world.until(() => client.of('request-error', status).length === 1);
    expect(client.of('closed')).toEqual([]);
  });
});
