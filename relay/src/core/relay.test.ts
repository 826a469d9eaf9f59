import { SHAPE_STATE } from '@higgins/protocol';
import { expect, it } from 'vitest';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/lists/blocked');

it('BUS-31: a newcomer gets the newest object at once, then every later one', async () => {
  const world = new TestWorld();
  await world.relay('edge');
  const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_STATE });
  publisher.announce();
  await world.pass(10);
  const first = await world.client('edge');
  const one = first.join(TRACK);
  await world.until(() => first.of('subscribe-ok').length === 1);
  publisher.publish({ group: 7, payload: 'seven', ttlMs: 60_000 });
  await world.until(() => first.objects(one.subscription).length === 1);
  const second = await world.client('edge');
  const two = second.join(TRACK);
  await world.until(() => second.of('fetch-end').length === 1);
  expect(second.texts(two.fetch)).toEqual(['seven']);
  publisher.publish({ group: 8, payload: 'eight', ttlMs: 60_000 });
  await world.until(() => second.objects(two.subscription).length === 1);
  expect(second.texts(two.subscription)).toEqual(['eight']);
  expect(first.texts(one.subscription)).toEqual(['seven', 'eight']);
  expect(publisher.counts.subscribe).toBe(1);
});
