import type { Subscription, Update } from '@higgins/client';
import { type ExpiryMode, organisationList, parseListEntries, registry } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { scheduleFaults } from '../../frame/faults.js';
import { POPS, PUBLISHER, RELAYS } from '../../topologies/two-tiers.js';
import { CONVERGENCE_MS_MAX, dieOut } from '../two-tiers.js';
import { ForeignPeer } from './foreign-peer.fixture.js';
import { sampleOf } from './registry-samples.fixture.js';
import { BLOCKED, listOf, Stage } from './stage.fixture.js';
import { converge, established, TTL_MS } from './two-tiers.fixture.js';

/** The stated error of a deadline here: fastest delivery over the longest path, and 10 ms that each relay need not count. */
const ERROR_MS = 150;

describe('TTL, freshness and safe defaults', { timeout: 300_000 }, () => {
  it('BUS-43: a PoP that is cut off goes to its default at the TTL, and back at once with the first fresh object', async () => {
    const { simulation, topology } = await established({ authorUntilMs: 600_000 });
    for (const relay of RELAYS) simulation.network.partition(relay, 'pop-1');
    await simulation.run(simulation.world.nowMs + TTL_MS + 500);
    const kernel = topology.kernels.get('pop-1')!;
    const inForce = () => topology.author.lists.filter(({ track }) => kernel.inForce(track) !== null).length;
    expect(inForce()).toBe(0);
    await simulation.run(simulation.world.nowMs + 60_000);
    expect(inForce()).toBe(0);
    simulation.network.healAll();
    expect(await simulation.runUntilTrue(() => inForce() === 2, CONVERGENCE_MS_MAX)).toBe(true);
  });

  it.each(registry.map((row) => [row.id, row] as const))(
    'BUS-44: %s counts until its TTL when cut off, then its default does, once, until the first fresh object',
    async (_id, row) => {
      const stage = new Stage(44);
      stage.relay('edge');
      const publisher = await stage.participant('publisher', ['edge']);
      const consumer = await stage.participant('consumer', ['edge']);
      const { publish, subscribe, onExpiry } = sampleOf(row);
      const subscription = subscribe(consumer);
      const updates = collect(stage, subscription);
      const ttlMs = Math.max(row.ttlMsMin, TTL_MS);
      await stage.settle(publish(publisher, ttlMs));
      const committedMs = stage.nowMs;
      await stage.until('the value', () => subscription.current !== null);
      stage.simulation.network.partition('edge', 'consumer');
      await stage.simulation.run(committedMs + ttlMs - ERROR_MS);
      expect(subscription.current?.freshness).toBe('stale');
      await stage.simulation.run(committedMs + ttlMs + ERROR_MS);
      expect(subscription.current).toMatchObject({ freshness: 'expired', condition: 'expired', onExpiry });
      await stage.run(3 * ttlMs);
      stage.simulation.network.healAll();
      await stage.until('the fresh object', () => subscription.current?.freshness === 'live');
      const stages = updates.map(({ current }) => current?.freshness);
      const changes = stages.filter((freshness, index) => freshness !== stages[index - 1]);
      expect(changes).toEqual(['live', 'stale', 'expired', 'live']);
    },
  );

  it('BUS-45: with every relay, publisher and agent dead, values end at their TTL', async () => {
    const { simulation, topology } = await established();
    const { track } = topology.author.lists[0]!;
    expect(topology.kernels.get('pop-3')!.inForce(track)).not.toBeNull();
    await dieOut(simulation, TTL_MS);
    for (const kernel of topology.kernels.values()) expect(kernel.inForce(track)).toBeNull();
  });

  it('BUS-46: each list says for itself whether it fails open or closed, to a consumer that restarts without a network too', async () => {
    const stage = new Stage(46);
    stage.relay('edge');
    const publisher = await stage.participant('publisher', ['edge']);
    const modes: readonly ExpiryMode[] = ['open', 'closed', 'hold', 'unset'];
    const params = modes.map((list) => ({ org: 'acme', list }));
    const consumer = await stage.participant('consumer', ['edge']);
    const before = params.map((one) => consumer.follow(one));
    for (const [index, mode] of modes.entries()) {
      const list = listOf(1, mode);
      await stage.settle(publisher.client.publish(organisationList, params[index]!, list, { ttlMs: TTL_MS }));
    }
    await stage.until('all lists', () => before.every(({ now }) => now() !== null));
    stage.simulation.network.partition('edge', 'consumer');
    consumer.node.crash();
    await stage.run(1000);
    consumer.node.start();
    await stage.until('the consumer is up', () => consumer.up);
    const after = params.map((one) => consumer.follow(one));
    expect(after.map(({ now }) => [now()?.freshness, now()?.onExpiry])).toEqual(modes.map((mode) => ['live', mode]));
    await stage.run(TTL_MS);
    expect(after.map(({ now }) => [now()?.freshness, now()?.onExpiry])).toEqual(modes.map((mode) => ['expired', mode]));
  });

  it('BUS-47: no relay, cache, reconnect or restart in a chain of five lengthens the TTL; age adds up', async () => {
    const stage = new Stage(47);
    const chain = ['relay-1', 'relay-2', 'relay-3', 'relay-4', 'relay-5'];
    for (const [index, name] of chain.entries()) stage.relay(name, index === 0 ? [] : [chain[index - 1]!]);
    const publisher = await stage.participant('publisher', ['relay-1']);
    const followers = [(await stage.participant('first', ['relay-5'])).follow()];
    await publisher.publishList(1, TTL_MS);
    const endMs = stage.nowMs + TTL_MS;
    await stage.until('the value', () => followers[0]!.now() !== null);
    publisher.node.crash();
    const step = async (name: string, relay: string, disturb: () => void) => {
      disturb();
      await stage.run(TTL_MS / 6);
      followers.push((await stage.participant(name, [relay])).follow());
      await stage.until(`${name} has the value`, () => followers.at(-1)!.now() !== null, 1000);
    };
    const { network, nodes } = stage.simulation;
    await step('second', 'relay-5', () => network.resetConnections('relay-4', 'relay-5'));
    await step('third', 'relay-3', () => nodes.get('relay-4')!.crash());
    await step('fourth', 'relay-3', () => nodes.get('relay-4')!.start());
    // Its cache was emptied: it has the value from the cache above it.
    await step('fifth', 'relay-4', () => network.configure('relay-3', 'relay-4', { latencyMs: 40 }));
    for (const { now } of followers) {
      const offMs = stage.nowMs + (now()?.remainingMs ?? Number.NaN);
      expect(Math.abs(offMs - endMs)).toBeLessThan(ERROR_MS);
      expect(now()?.ageMs).toBeGreaterThan(stage.nowMs + TTL_MS - endMs - ERROR_MS);
    }
  });

  it('BUS-48: nothing shows an expired object as current: not a cache, a newcomer, nor who had it, over a restart', async () => {
    const stage = new Stage(48);
    stage.relay('origin');
    stage.relay('edge', ['origin']);
    const publisher = await stage.participant('publisher', ['origin']);
    const holder = await stage.participant('holder', ['edge']);
    const held = holder.follow();
    await publisher.publishList(1, TTL_MS);
    const endMs = stage.nowMs + TTL_MS;
    await stage.until('the value', () => held.now() !== null);
    publisher.node.crash();
    await stage.simulation.run(endMs + ERROR_MS);
    expect(held.now()?.freshness).toBe('expired');
    for (const relay of ['origin', 'edge']) {
      const stranger = await ForeignPeer.connect(stage, `stranger-at-${relay}`, relay);
      stranger.join(organisationList.name(BLOCKED));
      stranger.fetchAll(organisationList.name(BLOCKED));
      const newcomer = (await stage.participant(`newcomer-at-${relay}`, [relay])).follow();
      await stage.run(TTL_MS);
      expect([stranger.objects, newcomer.now(), newcomer.told.length]).toEqual([0, null, 0]);
    }
    holder.node.crash();
    holder.node.start();
    await stage.until('the holder is up', () => holder.up);
    const again = holder.follow();
    await stage.run(TTL_MS);
    expect(again.now()).toMatchObject({ freshness: 'expired', condition: 'expired' });
    expect(again.told.map(({ update }) => update.current?.freshness)).not.toContain('live');
  });

  it('BUS-49: an unchanged value stays in force while its publisher lives, at a late joiner too', async () => {
    const stage = await established({ authorUntilMs: 20_000 });
    const { simulation, topology } = stage;
    await simulation.run(simulation.world.nowMs + 20_000);
    topology.node('pop-2').crash();
    topology.node('pop-2').machine.disk.lose();
    let gaps = 0;
    const steady = [topology.kernels.get('pop-1')!, topology.kernels.get('pop-3')!];
    await simulation.runUntilTrue(() => {
      gaps += steady.filter((kernel) =>
        topology.author.lists.some(({ track }) => kernel.inForce(track) === null),
      ).length;
      return false;
    }, 3 * TTL_MS);
    expect(gaps).toBe(0);
    topology.node('pop-2').start();
    await converge(stage);
  });

  it('BUS-49: 10,000 prefixes unchanged for three TTLs are live everywhere, and each renewal moves deadlines and nothing else', async () => {
    const stage = new Stage(49);
    stage.relay('origin');
    stage.relay('edge', ['origin']);
    const publisher = await stage.participant('publisher', ['origin']);
    const prefixes = Array.from({ length: 10_000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/25`);
    const list = { ...listOf(1), entries: parseListEntries(prefixes) };
    await stage.settle(publisher.client.publish(organisationList, BLOCKED, list, { ttlMs: TTL_MS }));
    const followers = [];
    for (const name of ['at-once', 'after-one', 'after-two', 'after-three']) {
      followers.push((await stage.participant(name, ['edge'])).follow());
      await stage.run(TTL_MS);
    }
    for (const [index, { now, told, versions }] of followers.entries()) {
      expect(now()).toMatchObject({ freshness: 'live', condition: 'ok', version: 1 });
      expect(now()?.value?.entries.ipv4.size).toBe(10_000);
      expect(versions()).toEqual([1]);
      expect(told.every(({ update }) => update.current?.freshness === 'live')).toBe(true);
      // The first value, and three renewals for each TTL.
      expect(told.length).toBeGreaterThan(3 * (followers.length - index) - 1);
    }
  });

  it('BUS-52: clocks that are wrong by an hour and step lengthen no TTL', async () => {
    const stage = await established({ wallOffsetMsMax: 3_600_000 });
    const { simulation, topology } = stage;
    const faults = [PUBLISHER, ...RELAYS, ...POPS].flatMap((node, index) =>
      [-1, 1].map((sign) => ({
        ...{ kind: 'wall-clock-step' as const, node, byMs: sign * 3_600_000 },
        ...{ atMs: 12_000 + index * 2000 + sign * 300, durationMs: 0 },
      })),
    );
    await simulation.run(scheduleFaults(simulation, faults) + 20_000);
    await converge(stage);
    await dieOut(simulation, TTL_MS);
    for (const kernel of topology.kernels.values()) {
      for (const { track } of topology.author.lists) expect(kernel.inForce(track)).toBeNull();
    }
  });
});

/** Takes every update as it comes, with the value as it was told. */
function collect(stage: Stage, subscription: Subscription<unknown>): Update<unknown>[] {
  const updates: Update<unknown>[] = [];
  const run = async () => {
    for await (const update of subscription) updates.push(update);
  };
  run().catch((error: unknown) => stage.simulation.fail(error));
  return updates;
}
