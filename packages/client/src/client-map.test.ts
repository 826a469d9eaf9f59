import { type Applied, applied, type MapSignal } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { Bench, collect, type Node } from './testing/bench.js';

const pop = { pop: 'ams1' };
const ackOf = (group: number): Applied => ({
  result: 'applied',
  group,
  version: null,
  appliedWallMs: 0,
  entries: null,
  reason: null,
});

async function pair(seed: number, link: { latencyMs: number }) {
  const bench = new Bench(seed, link);
  const origin = await bench.start('origin', []);
  await bench.listen(origin);
  const edge = await bench.start('edge', ['origin']);
  await bench.until('a session', () => edge.client.connected);
  return { bench, origin, edge };
}

function update(bench: Bench, node: Node, signal: MapSignal<typeof pop, Applied>, key: string, group: number) {
  return bench.settle(node.client.update(signal, pop, { set: new Map([[key, ackOf(group)]]) }));
}

describe('Client: maps', () => {
  it("BUS-13, BUS-32: snapshot and deltas make the publisher's value, wherever the join falls, and over lost connections", async () => {
    for (let joinAt = 0; joinAt < 12; joinAt += 2) {
      const { bench, origin, edge } = await pair(31, { latencyMs: 10 });
      let subscription = null;
      for (let step = 0; step < 120; step++) {
        if (step === joinAt) subscription = edge.client.subscribeMap(applied, pop);
        const key = `k${(step * 7) % 20}`;
        if (step % 6 === 5) await bench.settle(origin.client.update(applied, pop, { removed: [key] }));
        else await update(bench, origin, applied, key, step);
        await bench.world.runFor((step * 13) % 17);
        if (step % 40 === 30) bench.network.resetConnections('edge', 'origin');
      }
      const track = origin.client.publisher.track(applied.name(pop));
      const wanted = [...(track?.entries ?? new Map())].map(([key, bytes]) => [key, applied.decode(bytes)]).sort();
      await bench.world.runFor(15_000);
      expect([...(subscription?.current?.value ?? [])].sort()).toEqual(wanted);
      expect(edge.client.counters.gaps).toBe(0);
    }
  });

  it('tells which keys changed, also those of updates that nobody took', async () => {
    const { bench, origin, edge } = await pair(33, { latencyMs: 10 });
    const subscription = edge.client.subscribeMap(applied, pop);
    const first = subscription.next();
    await update(bench, origin, applied, 'a', 1);
    expect((await bench.settle(first)).value).toMatchObject({ changedKeys: new Set(['a']), valueChanged: true });
    await update(bench, origin, applied, 'b', 2);
    await update(bench, origin, applied, 'c', 3);
    await bench.world.runFor(100);
    expect((await bench.settle(subscription.next())).value).toMatchObject({ changedKeys: new Set(['b', 'c']) });
  });

  it('BUS-18: a delta that breaks the schema changes nothing, and the publisher is asked for a new group', async () => {
    const bench = new Bench(34);
    let hostile = true;
    const signal = {
      ...applied,
      encodeDelta: (...args: Parameters<typeof applied.encodeDelta>) =>
        hostile ? Uint8Array.of(0xff) : applied.encodeDelta(...args),
    };
    const origin = await bench.start('hostile', []);
    await bench.listen(origin);
    const edge = await bench.start('edge', ['hostile']);
    const { updates } = collect(edge.client.subscribeMap(applied, pop));
    await update(bench, origin, signal, 'a', 1);
    await bench.until('the snapshot', () => updates.at(-1)?.current?.value?.size === 1);
    await update(bench, origin, signal, 'b', 2);
    hostile = false;
    await bench.until('a refusal', () => updates.some((update) => update.refused !== null), 1_000);
    expect([...(updates.at(-1)?.current?.value?.keys() ?? [])]).toEqual(['a']);
    await bench.until('a new group', () => updates.at(-1)?.current?.value?.has('b') === true, 5_000);
    expect(edge.client.counters).toMatchObject({ objectsRefused: 1, gaps: 1 });
  });
});
