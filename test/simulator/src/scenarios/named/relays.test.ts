import { organisationList, parseListEntries } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { Violation } from '../../frame/invariant.js';
import { Continent, relaysOf } from './continent.fixture.js';
import { BLOCKED, type Followed, listOf, Stage } from './stage.fixture.js';

const TTL_MS = 60_000;
/** Longest way back after a fault: idle time-out (4 s), back-off (10 s) at two hops, a renewal (20 s). */
const CONVERGENCE_MS_MAX = 45_000;

describe('relays and topology', { timeout: 300_000 }, () => {
  it('BUS-55: the loss of all relays of one region touches nobody elsewhere, and its own PoPs find others', async () => {
    const whole = await runContinent(false);
    const broken = await runContinent(true);
    // To the millisecond and the version: not only does it go on, it goes on as if nothing had happened.
    for (const pop of ['pop-a', 'pop-c']) expect(broken.told(pop)).toEqual(whole.told(pop));
    expect(whole.told('pop-a').length).toBeGreaterThan(50);
    expect(broken.newest('pop-b')).toBe(broken.published);
  });

  it.each(['origin', 'standby', 'a-1', 'a-2', 'b-1', 'b-2', 'publisher', 'pop-a', 'pop-b'])(
    'BUS-56: %s dies under load and comes back: everybody converges, and the others before that',
    async (victim) => {
      const continent = await Continent.build(56, ['a', 'b']);
      const { stage, publish, pops } = continent;
      await publish(20);
      const node = stage.simulation.nodes.get(victim)!;
      node.crash();
      if (victim === 'publisher') await stage.run(20_000);
      else {
        await publish(60);
        // 30 s later the survivors have found another way, whatever died.
        const survivors = [...pops].filter(([name]) => name !== victim).map(([, followed]) => followed);
        await stage.until('the survivors converge', () => continent.holdNewest(survivors), CONVERGENCE_MS_MAX);
      }
      node.start();
      if (victim.startsWith('pop-')) await stage.until(`${victim} is up`, () => continent.refollow(victim));
      if (victim === 'publisher') await stage.until('the publisher is up', () => continent.publisher.up);
      await publish(3);
      await stage.until('everybody converges', () => continent.holdNewest([...pops.values()]), CONVERGENCE_MS_MAX);
    },
  );

  it.each([
    ['publisher', 'origin'],
    ['standby', 'origin'],
    ['a-1', 'origin'],
    ['b-2', 'origin'],
    ['pop-a', 'a-1'],
    ['pop-b', 'b-1'],
  ] as const)('BUS-56: the link between %s and %s fails under load: everybody goes around it', async (left, right) => {
    const continent = await Continent.build(562, ['a', 'b']);
    const { stage, publish, pops } = continent;
    await publish(20);
    stage.simulation.network.partition(left, right);
    await publish(60);
    await stage.until('everybody has gone around', () => continent.holdNewest([...pops.values()]), CONVERGENCE_MS_MAX);
    stage.simulation.network.healAll();
    await publish(3);
    await stage.until('everybody converges', () => continent.holdNewest([...pops.values()]), CONVERGENCE_MS_MAX);
  });

  it('BUS-56: the origin dies for good, and the standby takes its place', async () => {
    const continent = await Continent.build(563, ['a', 'b']);
    const { stage, publish, pops } = continent;
    await publish(20);
    stage.simulation.nodes.get('origin')!.crash();
    await publish(120);
    await stage.until('everybody converges', () => continent.holdNewest([...pops.values()]), CONVERGENCE_MS_MAX);
    const newcomer = (await stage.participant('newcomer', ['b-2'])).follow();
    await stage.until('a newcomer does', () => continent.holdNewest([newcomer]), CONVERGENCE_MS_MAX);
  });

  it('BUS-60: ten times the tracks that fit stay within the cache budget at every step; a restart empties the cache', async () => {
    const stage = new Stage(60);
    const cacheBytesMax = 64 * 1024;
    const node = stage.relay('edge', [], { cacheBytesMax });
    const cachedBytes = () => (node.running ? stage.relayOf('edge').core.budget.bytes : 0);
    let usedMax = 0;
    await stage.run(1);
    stage.simulation.hold({
      id: 'cache-within-budget',
      statement: 'what the relay has cached stays within its budget',
      check() {
        usedMax = Math.max(usedMax, cachedBytes());
        if (usedMax > cacheBytesMax) throw new Violation(this.id, `the cache has ${usedMax} bytes`);
      },
    });
    const publisher = await stage.participant('publisher', ['edge']);
    const follower = await stage.participant('follower', ['edge']);
    const lists = Array.from({ length: 1000 }, (_, index) => ({ org: 'acme', list: `list-${index}` }));
    const followed = lists.map((list) => follower.follow(list));
    for (const list of lists) await publisher.publishList(1, TTL_MS, list);
    await stage.until('all lists', () => followed.every(({ now }) => now() !== null));
    expect(usedMax).toBeGreaterThan(cacheBytesMax / 2);
    publisher.node.crash();
    node.crash();
    node.start();
    await stage.run(5000);
    const newcomer = (await stage.participant('newcomer', ['edge'])).follow(lists[0]);
    await stage.run(5000);
    expect(newcomer.now()).toBeNull();
    expect(followed[0]!.now()?.freshness).toBe('live');
  });

  it('BUS-61: one that reads nothing moves none of ten others by a millisecond, and has the newest value when it reads again', async () => {
    const calm = await runWithStalledReader(false);
    const stalled = await runWithStalledReader(true);
    for (const reader of calm.others) expect(stalled.told(reader)).toEqual(calm.told(reader));
    expect(calm.told(calm.others[0]!).length).toBe(stalled.published);
    expect(stalled.told('stalled').length).toBeLessThan(stalled.published / 2);
    expect(stalled.newest('stalled')).toBe(stalled.published);
  });

  it('BUS-63: when 200 clients come back at once, what goes upstream is what 5 tracks need, and all of them have their values', async () => {
    const stage = new Stage(63);
    stage.relay('origin');
    const edge = stage.relay('edge', ['origin']);
    const lists = Array.from({ length: 5 }, (_, index) => ({ org: 'acme', list: `list-${index}` }));
    const publisher = await stage.participant('publisher', ['origin']);
    const followed: Followed[] = [];
    for (let index = 0; index < 200; index += 1) {
      const client = await stage.participant(`client-${index}`, ['edge']);
      followed.push(client.follow(lists[index % lists.length]!));
    }
    for (const list of lists) await publisher.publishList(1, TTL_MS, list);
    await stage.until('the first versions', () => followed.every(({ now }) => now()?.version === 1));
    const { counters } = stage.relayOf('origin').core;
    const before = counters.subscribesReceived + counters.fetchesReceived;
    edge.crash();
    await stage.run(1000);
    for (const list of lists) await publisher.publishList(2, TTL_MS, list);
    edge.start();
    await stage.until('the second versions', () => followed.every(({ now }) => now()?.version === 2));
    // A SUBSCRIBE and a FETCH for each list and for the publisher's heartbeats, and once more in case of a retry.
    const asked = counters.subscribesReceived + counters.fetchesReceived - before;
    expect(asked).toBeLessThanOrEqual(2 * 2 * (lists.length + 1));
  });

  it('BUS-64: relays that are drained and started again, one after the other under load, lose no object', async () => {
    const continent = await Continent.build(64, ['a', 'b']);
    const { stage, publish, pops } = continent;
    await publish(10);
    for (const name of ['a-1', 'b-1', 'a-2', 'b-2']) {
      const node = stage.simulation.nodes.get(name)!;
      node.drain(10_000);
      await publish(30);
      expect(node.running).toBe(false);
      node.start();
      await publish(10);
    }
    await stage.until('everybody converges', () => continent.holdNewest([...pops.values()]), CONVERGENCE_MS_MAX);
    for (const { versions } of pops.values()) {
      const [first = Number.NaN] = versions();
      expect(versions()).toEqual(Array.from({ length: continent.version - first + 1 }, (_, index) => first + index));
    }
  });
});

/** Half a minute of updates in three regions; the relays of one of them die in its middle, if asked for. */
async function runContinent(withLoss: boolean) {
  const continent = await Continent.build(55, ['a', 'b', 'c']);
  const { stage, publish, pops } = continent;
  await publish(20);
  if (withLoss) for (const relay of relaysOf('b')) stage.simulation.nodes.get(relay)!.crash();
  await publish(60);
  return {
    published: continent.version,
    newest: (pop: string) => pops.get(pop)!.now()?.version,
    told: (pop: string) => pops.get(pop)!.told.map(({ atMs, update }) => [atMs, update.current?.version]),
  };
}

/** Ten readers and one more at a relay, and sixty versions of a list; for a while the one reads nothing, if asked for. */
async function runWithStalledReader(stalls: boolean) {
  const stage = new Stage(61);
  stage.relay('edge');
  const publisher = await stage.participant('publisher', ['edge']);
  const others = Array.from({ length: 10 }, (_, index) => `reader-${index}`);
  const readers = new Map<string, Followed>();
  for (const name of [...others, 'stalled']) readers.set(name, (await stage.participant(name, ['edge'])).follow());
  const read = (bytesPerSecond: number) => {
    stage.simulation.network.reading('stalled').bytesPerSecond = bytesPerSecond;
  };
  const prefixes = Array.from({ length: 4000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/25`);
  const entries = parseListEntries(prefixes);
  const published = 60;
  for (let version = 1; version <= published; version += 1) {
    const list = { ...listOf(version), entries };
    await stage.settle(publisher.client.publish(organisationList, BLOCKED, list, { ttlMs: TTL_MS }));
    if (stalls && version === 10) read(0);
    if (version === 50) read(Number.POSITIVE_INFINITY);
    await stage.run(100);
  }
  await stage.run(5000);
  return {
    others,
    published,
    newest: (name: string) => readers.get(name)!.now()?.version,
    told: (name: string) =>
      readers
        .get(name)!
        .told.filter(({ update }) => update.valueChanged)
        .map(({ atMs, update }) => [atMs, update.current?.version]),
  };
}
