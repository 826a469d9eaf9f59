import type { RequestId } from '@higgins/protocol';
import { applied, organisationList, type Shape } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { Bench, collect, listOf, listParams } from './testing/bench.js';
import { type RelayObject, ScriptedRelay } from './testing/scripted-relay.js';

const pop = { pop: 'ams1' };
const ack = (version: number) =>
  applied.encode({ result: 'applied', group: 1, version, appliedWallMs: 0, entries: null, reason: null });
const list = (group: number): RelayObject => ({ group, object: 0, payload: organisationList.encode(listOf(group)) });
const snapshot: RelayObject = { group: 5, object: 0, payload: applied.encodeSnapshot(new Map([['a', ack(0)]])) };
const delta = (object: number): RelayObject => ({
  group: 5,
  object,
  payload: applied.encodeDelta({ set: new Map([['a', ack(object)]]), removed: [] }),
});

/** A relay that has one group and passes on what it is given. */
async function relayWith(bench: Bench, name: string, shape: Shape, held: () => readonly RelayObject[]) {
  let request: RequestId = -1;
  const sessions = await ScriptedRelay.listen(bench, name, {
    subscribe(relay, notice) {
      request = notice.request;
      const { group, object } = held().at(-1)!;
      relay.accept(request, shape, { group, object });
    },
    fetch: (relay, notice) => relay.answer(notice.request, shape, held(), false),
  });
  return {
    sessions,
    live: (objects: readonly RelayObject[], fin: boolean) => sessions.at(-1)?.live(request, objects, fin),
  };
}

async function twoRelays(seed: number, shape: Shape, held: () => readonly RelayObject[]) {
  const bench = new Bench(seed);
  const a = await relayWith(bench, 'a', shape, held);
  const b = await relayWith(bench, 'b', shape, held);
  const edge = await bench.start('edge', ['a', 'b'], { standby: true });
  await bench.until('both sessions', () => edge.client.sessions === 2);
  return { bench, a, b, edge };
}

describe('Client with a standby', () => {
  it('BUS-38: what two relays bring is told once, by whichever is first', async () => {
    const { bench, a, b, edge } = await twoRelays(61, 'state', () => [list(5)]);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await bench.world.runFor(100);
    bench.network.configure('a', 'edge', { latencyMs: 200 });
    for (const group of [6, 7, 8]) {
      a.live([list(group)], true);
      b.live([list(group)], true);
      await bench.world.runFor(15);
      expect(updates.at(-1)?.current?.group).toBe(group);
    }
    await bench.world.runFor(1_000);
    expect(updates.filter(({ valueChanged }) => valueChanged).map(({ current }) => current?.group)).toEqual([
      5, 6, 7, 8,
    ]);
    expect(edge.client.counters).toMatchObject({ objectsAccepted: 4, gaps: 0, losses: 0 });
  });

  it('BUS-38: the death of one relay in mid-stream delays no object, and is no loss of the connection', async () => {
    const { bench, a, b, edge } = await twoRelays(62, 'map', () => [snapshot]);
    const { updates } = collect(edge.client.subscribeMap(applied, pop));
    await bench.world.runFor(100);
    const begun = [delta(1), delta(2)];
    a.live(begun, false);
    b.live(begun, false);
    await bench.world.runFor(11);
    bench.machine('a').reboot();
    b.live([delta(1), delta(2), delta(3)], true);
    await bench.world.runFor(11);
    expect(updates.at(-1)?.current).toMatchObject({ group: 5, object: 3, condition: 'ok' });
    await bench.world.runFor(60_000);
    expect(edge.client.sessions).toBe(1);
    expect(updates.map(({ current }) => current?.condition)).not.toContain('disconnected');
    expect(edge.client.counters).toMatchObject({ gaps: 0, objectsAccepted: 4, disconnects: 1 });
  });

  it('BUS-38: the two sessions are never with one relay, also when there is no other', async () => {
    const { bench, a, b, edge } = await twoRelays(63, 'state', () => [list(5)]);
    collect(edge.client.subscribe(organisationList, listParams));
    expect([a.sessions.length, b.sessions.length]).toEqual([1, 1]);
    bench.network.resetConnections('edge', 'a');
    bench.network.partition('edge', 'a');
    await bench.world.runFor(30_000);
    expect(edge.client.sessions).toBe(1);
    bench.network.heal('edge', 'a');
    await bench.until('both sessions again', () => edge.client.sessions === 2, 15_000);
    expect([a.sessions.length, b.sessions.length]).toEqual([2, 1]);
    await bench.settle(edge.client[Symbol.asyncDispose]());
    expect(edge.client.sessions).toBe(0);
  });

  it('BUS-38: a client with one relay alone has one session', async () => {
    const bench = new Bench(64);
    await relayWith(bench, 'a', 'state', () => [list(5)]);
    const edge = await bench.start('edge', ['a'], { standby: true });
    const subscription = edge.client.subscribe(organisationList, listParams);
    await bench.until('the value', () => subscription.current !== null);
    await bench.world.runFor(10_000);
    expect(edge.client.sessions).toBe(1);
  });
});

describe('Client that is sent away', () => {
  it('leaves the old session only once the new one has caught up: no object is late, missed or told twice', async () => {
    const bench = new Bench(65);
    let group = 5;
    const a = await relayWith(bench, 'a', 'state', () => [list(group)]);
    const b = await relayWith(bench, 'b', 'state', () => [list(group)]);
    const edge = await bench.start('edge', ['a', 'b']);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await bench.until('the value', () => updates.length > 0);
    bench.network.configure('edge', 'b', { latencyMs: 300 });
    a.sessions[0]!.session.goaway('moqt://b:4433/', 10_000);
    a.sessions[0]!.driver.pump();
    for (let elapsedMs = 0; elapsedMs < 3_000; elapsedMs += 50) {
      group += 1;
      a.live([list(group)], true);
      if (b.sessions.length > 0) b.live([list(group)], true);
      await bench.world.runFor(50);
      // The new way takes 300 ms, the old one 10.
      if (elapsedMs < 1_000) expect(updates.at(-1)?.current?.group).toBe(group);
    }
    await bench.world.runFor(1_000);
    const told = updates.filter(({ valueChanged }) => valueChanged).map(({ current }) => current?.group ?? 0);
    expect(told).toEqual(Array.from({ length: group - 4 }, (_, index) => index + 5));
    expect(updates.every(({ current }) => current?.condition === 'ok')).toBe(true);
    expect(edge.client.counters).toMatchObject({ connects: 2, disconnects: 0, gaps: 0 });
    expect(edge.client.sessions).toBe(1);
  });

  it('leaves it in any case after a while', async () => {
    const bench = new Bench(66);
    const closed: string[] = [];
    const a = await relayWith(bench, 'a', 'state', () => [list(5)]);
    // This one never answers.
    await ScriptedRelay.listen(bench, 'b', {});
    const edge = await bench.start('edge', ['a', 'b'], {
      onEvent: (event) => void closed.push(event.kind),
    });
    const subscription = edge.client.subscribe(organisationList, listParams);
    await bench.until('the value', () => subscription.current !== null);
    a.sessions[0]!.session.goaway('moqt://b:4433/', 60_000);
    a.sessions[0]!.driver.pump();
    await bench.until('the other session', () => edge.client.counters.connects === 2);
    expect(a.sessions[0]!.session.established).toBe(true);
    await bench.world.runFor(6_000);
    expect(a.sessions[0]!.session.established).toBe(false);
    expect(subscription.current).toMatchObject({ group: 5, condition: 'ok' });
  });
});
