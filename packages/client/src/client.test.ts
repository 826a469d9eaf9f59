import { organisationList } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { Bench, collect, listOf, listParams, publishList } from './testing/bench.js';

describe('Client: publisher and subscriber', () => {
  it('BUS-31: a new subscriber has the newest value one round trip after it asked', async () => {
    const bench = new Bench(1, { latencyMs: 50 });
    const origin = await bench.start('origin', []);
    await bench.listen(origin);
    await publishList(bench, origin, 7);
    const edge = await bench.start('edge', ['origin']);
    await bench.until('a session', () => edge.client.connected);
    const askedMs = bench.world.nowMs;
    const subscription = edge.client.subscribe(organisationList, listParams);
    await bench.until('a value', () => subscription.current !== null);
    expect(bench.world.nowMs - askedMs).toBeLessThan(101);
    expect(subscription.current).toMatchObject({
      version: 7,
      value: listOf(7),
      freshness: 'live',
      condition: 'ok',
      onExpiry: 'closed',
      ttlMs: 60_000,
    });
  });
});
