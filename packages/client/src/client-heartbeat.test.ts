import { organisationList, publisherHeartbeat } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { Bench, collect, listOf, listParams, type Node } from './testing/bench.js';

const DAY_MS = 24 * 3_600_000;
/** Two renewals that did not come, and the third that is due. */
const KNOWN_WITHIN_MS = 3 * publisherHeartbeat.renewalMs;

async function pair(seed: number) {
  const bench = new Bench(seed);
  const origin = await bench.start('origin', []);
  await bench.listen(origin);
  // As between relays and agents: what is silent is left before heartbeats are missed.
  const limits = { keepAliveMs: 1_000, idleTimeoutMs: 4_000 };
  const relays = [{ url: 'moqt://origin:4433/', insecure: true, limits }];
  const edge = await bench.start('edge', [], { relays });
  await bench.until('a session', () => edge.client.connected);
  return { bench, origin, edge };
}

function publish(bench: Bench, { client }: Node, ttlMs: number) {
  return bench.settle(client.publish(organisationList, listParams, listOf(1), { ttlMs }));
}

const losses = (node: Node) => node.events.filter(({ kind }) => kind === 'publisher-lost' || kind === 'publisher-back');

describe('Client: heartbeats', () => {
  it('BUS-39: a writer of long-lived values that falls silent is known as such after three heartbeats, long before its values are stale', async () => {
    const { bench, origin, edge } = await pair(71);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await publish(bench, origin, DAY_MS);
    await bench.world.runFor(300_000);
    expect(updates.map(({ current }) => current?.condition)).toEqual(updates.map(() => 'ok'));
    // Its sessions go on.
    await bench.settle(origin.client.publisher[Symbol.asyncDispose]());
    const silentMs = bench.world.nowMs;
    await bench.until('the loss', () => updates.at(-1)?.current?.condition === 'heartbeat-lost');
    expect(bench.world.nowMs - silentMs).toBeLessThanOrEqual(KNOWN_WITHIN_MS);
    expect(updates.at(-1)?.current).toMatchObject({ freshness: 'live', version: 1 });
    expect(losses(edge)).toEqual([{ kind: 'publisher-lost', writerId: 'origin' }]);
    expect(edge.client.counters).toMatchObject({ publishersLost: 1, disconnects: 0, expiries: 0, stales: 0 });
    origin.runtime.kill();
    await bench.until('the end of the connection', () => updates.at(-1)?.current?.condition === 'disconnected');
    const again = await bench.start('origin', []);
    await bench.listen(again);
    await bench.until('the return', () => updates.at(-1)?.current?.condition === 'ok');
    expect(losses(edge).map(({ kind }) => kind)).toEqual(['publisher-lost', 'publisher-back']);
  });

  it('BUS-39: pauses that are shorter, and own connections that come back, make nobody dead', async () => {
    const { bench, origin, edge } = await pair(72);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await publish(bench, origin, DAY_MS);
    await bench.world.runFor(20_000);
    for (const pauseMs of [3_000, 60_000, 9_000, 20_000]) {
      if (pauseMs < 4_000) origin.runtime.pause();
      else bench.network.partition('origin', 'edge');
      await bench.world.runFor(pauseMs);
      origin.runtime.resume();
      bench.network.healAll();
      await bench.world.runFor(40_000);
      expect(updates.at(-1)?.current?.condition).toBe('ok');
    }
    expect(new Set(updates.map(({ current }) => current?.condition))).toEqual(new Set(['ok', 'disconnected']));
    expect(losses(edge)).toEqual([]);
  });

  it('a heartbeat tells the process and its tracks, and only writers of long-lived values have one', async () => {
    const { bench, origin, edge } = await pair(73);
    const heartbeat = edge.client.subscribe(publisherHeartbeat, { id: 'origin' });
    await publish(bench, origin, 60_000);
    await bench.world.runFor(20_000);
    expect(heartbeat.current).toBeNull();
    await publish(bench, origin, DAY_MS);
    await bench.until('a heartbeat', () => heartbeat.current !== null);
    expect(heartbeat.current?.value).toMatchObject({ instance: expect.stringMatching(/^[0-9a-f]{16}$/), tracks: 1 });
    await bench.settle(origin.client.publish(organisationList, { org: 'acme', list: 'other' }, listOf(1)));
    await bench.until('the second track', () => heartbeat.current?.value?.tracks === 2, 6_000);
    const { instance } = heartbeat.current!.value!;
    origin.runtime.kill();
    await bench.listen(await bench.start('origin', []));
    await bench.until('the next process', () => heartbeat.current?.value?.instance !== instance);
  });

  it('are left out where they are not wanted, and where the writer may not publish them', async () => {
    const bench = new Bench(74);
    const name = publisherHeartbeat.name({ id: 'quiet' });
    const quiet = await bench.start('quiet', [], { heartbeats: false });
    const narrow = await bench.start('narrow', [], {
      mayPublish: ({ key }) => key !== publisherHeartbeat.name({ id: 'narrow' }).key,
    });
    const nameless = await bench.start('nameless', [], { writerId: '.hidden' });
    for (const node of [quiet, narrow, nameless]) {
      await publish(bench, node, DAY_MS);
      await bench.world.runFor(10_000);
      expect([...node.client.publisher.tracks()]).toHaveLength(1);
      expect(node.events).toEqual([]);
    }
    expect(quiet.client.publisher.track(name)).toBeUndefined();
  });

  it('a disk that fails is told, and heartbeats begin once it works', async () => {
    const bench = new Bench(75);
    const node = await bench.start('origin', []);
    await publish(bench, node, 60_000);
    await bench.world.runFor(1_000);
    const disk = bench.machine('origin').disk;
    node.client.publisher.listen({
      // The value is committed; its heartbeat is not written yet.
      committed: () => {
        disk.writeFailure = 'no space left on device';
      },
      retired: () => undefined,
    });
    await publish(bench, node, DAY_MS);
    await bench.until('the failure', () => node.events.some(({ kind }) => kind === 'heartbeat-failed'));
    disk.writeFailure = null;
    await bench.until('a heartbeat', () => [...node.client.publisher.tracks()].length === 2, 10_000);
  });
});
