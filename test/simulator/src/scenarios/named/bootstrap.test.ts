import { trackOfSegments } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { scheduleFaults } from '../../frame/faults.js';
import { RELAYS } from '../../topologies/two-tiers.js';
import { ForeignPeer } from './foreign-peer.fixture.js';
import { BLOCKED, type Followed, type Participant, Stage } from './stage.fixture.js';
import { converge, established, remainingMs, silence, TTL_MS } from './two-tiers.fixture.js';

/** After so much silence a peer counts as dead (the simulator's idle time-out), and its loss has been told. */
const DEATH_KNOWN_MS = 5000;
/** How much longer than its TTL a value may seem to live: deliveries over the longest path here, and rounding. */
const DELIVERY_MS = 100;

describe('subscribers and bootstrap', { timeout: 300_000 }, () => {
  it('BUS-30: a dead session withdraws what it announced; its value stays for the rest of its TTL, for newcomers too', async () => {
    const { stage, publisher } = await twoRelays(30);
    const watcher = await ForeignPeer.connect(stage, 'watcher', 'edge');
    watcher.watch(trackOfSegments(['org', BLOCKED.org]).namespace);
    const early = (await stage.participant('early', ['edge'])).follow();
    await publisher.publishList(1, TTL_MS);
    const endMs = stage.nowMs + TTL_MS;
    await stage.until('the announcement', () => watcher.namespaces.size === 1 && early.now() !== null);
    publisher.node.crash();
    await stage.until('the withdrawal', () => watcher.namespaces.size === 0, DEATH_KNOWN_MS);
    expect(early.now()?.freshness).toBe('live');
    const late = (await stage.participant('late', ['edge'])).follow();
    await stage.until('the cached value', () => late.now()?.version === 1, 2000);
    for (const { now } of [early, late]) {
      expect(stage.nowMs + (now()?.remainingMs ?? 0)).toBeLessThan(endMs + DELIVERY_MS);
    }
    await stage.simulation.run(endMs + DELIVERY_MS);
    expect([early, late].map(({ now }) => now()?.freshness)).toEqual(['expired', 'expired']);
    const tooLate = (await stage.participant('too-late', ['edge'])).follow();
    await stage.run(TTL_MS);
    expect(tooLate.now()).toBeNull();
  });

  it('BUS-31: a newcomer has the newest value one round trip after it asked, however far away that stands', async () => {
    const stage = new Stage(31, { latencyMs: 20 });
    stage.relay('origin');
    stage.relay('regional', ['origin']);
    stage.relay('edge', ['regional']);
    const publisher = await stage.participant('publisher', ['origin']);
    await publisher.publishList(1, TTL_MS);
    const uncached = await connected(stage, 'uncached', ['edge']);
    expect(await firstValueMs(stage, uncached)).toBeLessThanOrEqual(2 * 4 * 20 + 1);
    const cached = await connected(stage, 'cached', ['edge']);
    expect(await firstValueMs(stage, cached)).toBeLessThanOrEqual(2 * 20 + 1);
  });

  it('BUS-31: with everything above its relay gone, a newcomer gets the value that is still in the cache', async () => {
    const { stage, publisher, edge } = await twoRelays(312);
    const early = (await stage.participant('early', ['edge'])).follow();
    await publisher.publishList(1, TTL_MS);
    await stage.until('the value', () => early.now() !== null);
    stage.simulation.network.partition('origin', edge);
    for (const [index, waitMs] of [0, DEATH_KNOWN_MS].entries()) {
      await stage.run(waitMs);
      const newcomer = await connected(stage, `newcomer-${index}`, ['edge']);
      expect(await firstValueMs(stage, newcomer)).toBeLessThan(400);
    }
  });

  it('BUS-32: a join tells the newest value and every later one, once each, wherever publishes fall into it', async () => {
    const { stage, publisher } = await twoRelays(32);
    const newcomers: Participant[] = [];
    for (let index = 0; index < 80; index += 1) {
      newcomers.push(await connected(stage, `newcomer-${index}`, [index % 2 === 0 ? 'edge' : 'origin']));
    }
    const joined: { readonly followed: Followed; readonly newest: number }[] = [];
    let version = 0;
    // One newcomer every five milliseconds, one version every seven: they meet at every distance.
    for (let ms = 0; ms < 5 * newcomers.length; ms += 1) {
      if (ms % 7 === 0) await publisher.publishList(++version, 60_000);
      if (ms % 5 === 0) joined.push({ followed: newcomers[ms / 5]!.follow(), newest: version });
      await stage.run(1);
    }
    await stage.until('all hold the newest', () => joined.every(({ followed }) => followed.now()?.version === version));
    for (const { followed, newest } of joined) {
      const [first = Number.NaN, ...later] = followed.versions();
      expect(later).toEqual(Array.from({ length: version - first }, (_, index) => first + 1 + index));
      // What was committed a path's delay before the newcomer asked is not older than what it is told first.
      expect(first).toBeGreaterThanOrEqual(newest - 3);
    }
    for (const { client } of newcomers) expect(client.counters).toMatchObject({ gaps: 0, objectsOld: 0 });
  });

  it('BUS-33: who subscribes before there is a publisher waits, over restarted relays and time-outs, for the first value', async () => {
    const { stage } = await twoRelays(33);
    const waiting = [(await stage.participant('at-edge', ['edge'])).follow()];
    waiting.push((await stage.participant('at-origin', ['origin'])).follow());
    await stage.run(30_000);
    for (const name of ['edge', 'origin']) {
      const node = stage.simulation.nodes.get(name)!;
      node.crash();
      await stage.run(1000);
      node.start();
      await stage.run(20_000);
    }
    // Longer than RENDEZVOUS_TIMEOUT: the subscriptions were refused at least once and asked again.
    await stage.run(130_000);
    expect(waiting.map(({ now }) => now())).toEqual([null, null]);
    const publisher = await stage.participant('publisher', ['origin']);
    await publisher.publishList(1, 60_000);
    await stage.until('the first value', () => waiting.every(({ now }) => now()?.version === 1), 12_000);
    expect(waiting.map(({ versions }) => versions())).toEqual([[1], [1]]);
  });

  it('BUS-36: an hour of flapping relays needs no operator', async () => {
    const stage = await established({ authorUntilMs: 3_600_000, intervalMs: 20_000 });
    const faults = Array.from({ length: 60 }, (_, index) => {
      const times = { atMs: 20_000 + index * 59_000, durationMs: 1000 + (index % 12) * 1000 };
      return { kind: 'crash', node: RELAYS[index % RELAYS.length]!, ...times } as const;
    });
    const overAtMs = scheduleFaults(stage.simulation, faults);
    await stage.simulation.run(Math.max(overAtMs, 3_600_000));
    await converge(stage);
  });

  it.each(['crash', 'reboot'] as const)(
    'BUS-37: an agent that starts alone after a %s enforces for the remaining TTL, not for a fresh one',
    async (kind) => {
      const stage = await established();
      const { simulation, topology } = stage;
      const track = await silence(stage);
      for (const relay of RELAYS) topology.node(relay).crash();
      const kernel = topology.kernels.get('pop-1')!;
      const dueMs = simulation.world.nowMs + remainingMs(stage, 'pop-1', track);
      const other = topology.kernels.get('pop-2')!;
      await simulation.run(simulation.world.nowMs + TTL_MS * 0.4);
      if (kind === 'crash') topology.node('pop-1').crash();
      else topology.node('pop-1').reboot();
      await simulation.run(simulation.world.nowMs + 500);
      topology.node('pop-1').start();
      await simulation.run(simulation.world.nowMs + 500);
      expect(kernel.inForce(track)?.version).toBe(topology.author.version(track));
      await simulation.run(dueMs - 50);
      expect([kernel.inForce(track) !== null, other.inForce(track) !== null]).toEqual([true, true]);
      await simulation.run(dueMs + 50);
      expect(kernel.inForce(track)).toBeNull();
    },
  );

  it('BUS-38: who holds two relays at once is told nothing late and nothing twice when one hangs, and has two again', async () => {
    const stage = new Stage(38);
    stage.relay('origin');
    const left = stage.relay('left', ['origin']);
    stage.relay('right', ['origin']);
    const publisher = await stage.participant('publisher', ['origin']);
    const single = (await stage.participant('single', ['left', 'right'])).follow();
    const consumer = await stage.participant('double', ['left', 'right'], { standby: true });
    const double = consumer.follow();
    await stage.until('two sessions', () => consumer.client.sessions === 2);
    const committedMs: number[] = [];
    for (let version = 1; version <= 100; version += 1) {
      committedMs.push(stage.nowMs);
      await publisher.publishList(version, 60_000);
      if (version === 30) left.pause();
      if (version === 60) left.resume();
      await stage.run(200);
    }
    const lateness = (followed: Followed) =>
      followed.told
        .filter(({ update }) => update.valueChanged)
        .map(({ atMs, update }) => atMs - committedMs[(update.current?.version ?? 0) - 1]!);
    expect(double.versions()).toEqual(committedMs.map((_, index) => index + 1));
    // The way has four hops of 10 ms; the first value takes a join.
    expect(Math.max(...lateness(double).slice(1))).toBeLessThan(50);
    expect(Math.max(...lateness(single).slice(1))).toBeGreaterThan(1000);
    await stage.until('two sessions again', () => consumer.client.sessions === 2);
  });

  it('BUS-39: a dead publisher, a lost connection and an expired value are three different things', async () => {
    const { stage, publisher } = await twoRelays(39);
    const long = { org: 'acme', list: 'long' };
    const consumer = await stage.participant('consumer', ['edge']);
    const [short, lasting] = [consumer.follow(), consumer.follow(long)];
    await publisher.publishList(1, TTL_MS);
    await publisher.publishList(1, 24 * 3_600_000, long);
    const states = () => [short, lasting].map(({ now }) => now()?.condition);
    await stage.until('both values', () => short.now() !== null && lasting.now() !== null);
    await stage.run(20_000);
    expect(states()).toEqual(['ok', 'ok']);
    stage.simulation.network.partition('edge', 'consumer');
    await stage.run(DEATH_KNOWN_MS);
    expect(states()).toEqual(['disconnected', 'disconnected']);
    stage.simulation.network.healAll();
    await stage.until('the connection is back', () => states().every((state) => state === 'ok'), 25_000);
    await stage.run(20_000);
    publisher.node.crash();
    // Three heartbeats, and the time until its relay has noticed.
    await stage.run(15_000 + DEATH_KNOWN_MS);
    expect(states()).toEqual(['expired', 'heartbeat-lost']);
    expect([short.now()?.freshness, lasting.now()?.freshness]).toEqual(['expired', 'live']);
  });
});

/** A publisher at the origin, and an edge relay below that. */
async function twoRelays(seed: number): Promise<{ stage: Stage; publisher: Participant; edge: string }> {
  const stage = new Stage(seed);
  stage.relay('origin');
  stage.relay('edge', ['origin']);
  return { stage, publisher: await stage.participant('writer', ['origin']), edge: 'edge' };
}

async function connected(stage: Stage, name: string, relays: readonly string[]): Promise<Participant> {
  const participant = await stage.participant(name, relays);
  await stage.until(`${name} is connected`, () => participant.client.connected);
  return participant;
}

/** How long it takes from the subscription to the first value. */
function firstValueMs(stage: Stage, participant: Participant): Promise<number> {
  const followed = participant.follow();
  return stage.until(`${participant.node.name} has a value`, () => followed.now() !== null);
}
