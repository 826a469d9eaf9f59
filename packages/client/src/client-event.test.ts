import { organisationList, type Signal, trackOfSegments } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { Bench, collect, type Node } from './testing/bench.js';

/** A signal of events: each a number. */
const numbers: Signal<{ readonly id: string }, number> = {
  ...organisationList,
  id: 'numbers',
  pattern: 'test/numbers/{id}',
  shape: 'event',
  name: ({ id }) => trackOfSegments(['test', 'numbers', id]),
  params: () => null,
  encode: (value) => new TextEncoder().encode(String(value)),
  decode: (bytes) => Number(new TextDecoder().decode(bytes)),
};
const params = { id: 'a' };

async function pair(seed: number) {
  const bench = new Bench(seed, { latencyMs: 10, lossRate: 0.02, reorderRate: 0.05 });
  const origin = await bench.start('origin', []);
  await bench.listen(origin);
  const edge = await bench.start('edge', ['origin']);
  await bench.until('a session', () => edge.client.connected);
  return { bench, origin, edge };
}

async function publish(bench: Bench, node: Node, first: number, last: number) {
  for (let value = first; value <= last; value++) {
    await bench.settle(node.client.publish(numbers, params, value));
    if (value % 50 === 0) await bench.world.runFor(5);
  }
}

async function restart(bench: Bench, node: Node): Promise<Node> {
  node.runtime.kill();
  const successor = await bench.start(node.machine.name, []);
  await bench.listen(successor);
  return successor;
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe('Client: events', () => {
  it('BUS-14: every event arrives, once and in order, over several groups and a link that loses and reorders', async () => {
    const { bench, origin, edge } = await pair(51);
    const { updates } = collect(edge.client.subscribe(numbers, params));
    await bench.world.runFor(100);
    await publish(bench, origin, 1, 3_000);
    await bench.until('the last event', () => updates.at(-1)?.current?.value === 3_000);
    expect(updates.map((update) => update.current?.value)).toEqual(range(1, 3_000));
    expect(new Set(updates.map((update) => update.current?.group)).size).toBeGreaterThan(2);
    expect(edge.client.counters.losses).toBe(0);
  });

  it('BUS-36: events of a lost connection are fetched after it', async () => {
    const { bench, origin, edge } = await pair(52);
    const { updates } = collect(edge.client.subscribe(numbers, params));
    await bench.world.runFor(100);
    await publish(bench, origin, 1, 10);
    await bench.world.runFor(100);
    bench.network.resetConnections('edge', 'origin');
    await publish(bench, origin, 11, 20);
    await bench.until('the last event', () => updates.at(-1)?.current?.value === 20);
    expect(updates.filter((update) => update.valueChanged).map((update) => update.current?.value)).toEqual(
      range(1, 20),
    );
  });

  it('BUS-15: events that cannot be had any more are told as a gap', async () => {
    const { bench, origin, edge } = await pair(53);
    const { updates } = collect(edge.client.subscribe(numbers, params));
    await bench.world.runFor(100);
    await publish(bench, origin, 1, 10);
    await bench.world.runFor(100);
    bench.network.partition('edge', 'origin');
    // The publisher keeps its newest group only.
    await publish(bench, origin, 11, 2_500);
    bench.network.healAll();
    bench.network.resetConnections('edge', 'origin');
    await bench.until('the last event', () => updates.at(-1)?.current?.value === 2_500);
    const values = updates.filter((update) => update.valueChanged).map((update) => update.current?.value ?? -1);
    expect(values.slice(0, 10)).toEqual(range(1, 10));
    expect(values.slice(10)).toEqual(range(values[10] ?? 0, 2_500));
    expect(values[10]).toBeGreaterThan(11);
    expect(updates.reduce((sum, { gaps }) => sum + gaps, 0)).toBeGreaterThan(0);
    expect(edge.client.counters.losses).toBeGreaterThan(0);
  });

  it('BUS-14, BUS-36: events go on at once when their publisher has crashed in the middle of a group', async () => {
    const { bench, origin, edge } = await pair(55);
    const { updates } = collect(edge.client.subscribe(numbers, params));
    await bench.world.runFor(100);
    await publish(bench, origin, 1, 10);
    await bench.world.runFor(100);
    const successor = await restart(bench, origin);
    bench.network.resetConnections('edge', 'origin');
    await bench.until('the loss', () => !edge.client.connected);
    await bench.until('a session', () => edge.client.connected);
    await bench.world.runFor(200);
    await publish(bench, successor, 11, 20);
    await bench.until('the last event', () => updates.at(-1)?.current?.value === 20, 500);
    const values = updates.filter(({ valueChanged }) => valueChanged).map(({ current }) => current?.value);
    expect(values).toEqual(range(1, 20));
    expect(edge.client.counters).toMatchObject({ losses: 0, gaps: 0 });
  });

  it('BUS-15: the rest of a group is told as lost though the next group names it', async () => {
    const { bench, origin, edge } = await pair(56);
    const { updates } = collect(edge.client.subscribe(numbers, params));
    await bench.world.runFor(100);
    await publish(bench, origin, 1, 10);
    await bench.world.runFor(100);
    bench.network.partition('edge', 'origin');
    await publish(bench, origin, 11, 15);
    // A restart begins a new group, and the publisher keeps its newest group only.
    await publish(bench, await restart(bench, origin), 16, 20);
    await bench.until('the loss', () => !edge.client.connected);
    bench.network.healAll();
    await bench.until('the last event', () => updates.at(-1)?.current?.value === 20);
    expect(updates.filter(({ valueChanged }) => valueChanged).map(({ current }) => current?.value)).toEqual([
      ...range(1, 10),
      ...range(16, 20),
    ]);
    expect([updates.reduce((sum, { gaps }) => sum + gaps, 0), edge.client.counters.losses]).toEqual([1, 1]);
  });

  it('a consumer that leaves too many events waiting is told so, and the others go on', async () => {
    const { bench, origin, edge } = await pair(54);
    const lazy = edge.client.subscribe(numbers, params);
    const eager = collect(edge.client.subscribe(numbers, params));
    await bench.world.runFor(100);
    await publish(bench, origin, 1, 1_200);
    await bench.until('the last event', () => eager.updates.at(-1)?.current?.value === 1_200);
    const values: unknown[] = [];
    const take = async () => {
      for await (const update of lazy) values.push(update.current?.value);
    };
    await expect(take()).rejects.toMatchObject({ name: 'SubscriptionError', code: 'queue-full' });
    expect(values).toEqual(range(1, 1_025));
  });
});
