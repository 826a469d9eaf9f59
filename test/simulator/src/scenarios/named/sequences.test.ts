import { organisationList } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { scheduleFaults } from '../../frame/faults.js';
import { WriterLease } from '../../programs/writer-lease.js';
import { PUBLISHER } from '../../topologies/two-tiers.js';
import { BLOCKED, listOf, Stage } from './stage.fixture.js';
import { converge, established, TTL_MS } from './two-tiers.fixture.js';

describe('sequences', { timeout: 300_000 }, () => {
  it('BUS-09: Group IDs rise while the publisher crashes again and again', async () => {
    const stage = await established({ authorUntilMs: 120_000 });
    const { simulation, topology } = stage;
    scheduleFaults(
      simulation,
      Array.from({ length: 12 }, (_, index) => ({
        kind: 'crash',
        node: PUBLISHER,
        atMs: 10_000 + index * 9000,
        durationMs: 700,
      })),
    );
    await simulation.run(120_000);
    await converge(stage);
    expect(topology.author.lists.every(({ track }) => topology.author.version(track) > 5)).toBe(true);
  });

  it('BUS-10: a publisher that was fenced while it stood still changes nothing anywhere, for newcomers either', async () => {
    const stage = new Stage(10);
    stage.relay('origin');
    stage.relay('edge', ['origin']);
    const store = new WriterLease(stage.simulation.world);
    const first = await stage.participant('first', ['origin'], { writerId: 'control', lease: store.open() });
    const followers = [(await stage.participant('early', ['edge'])).follow()];
    await first.publishList(1, TTL_MS);
    await stage.until('version 1', () => followers[0]!.now()?.version === 1);
    first.node.pause();
    await stage.run(6000);
    const second = await stage.participant('second', ['origin'], { writerId: 'control', lease: store.open() });
    await second.publishList(2, TTL_MS);
    await stage.until('version 2', () => followers[0]!.now()?.version === 2);
    first.node.resume();
    // What it wanted to write, and the renewals of what it wrote, are of the past.
    const outcome = first.client
      .publish(organisationList, BLOCKED, listOf(9), { ttlMs: TTL_MS })
      .catch(() => 'refused');
    await stage.run(2 * TTL_MS);
    followers.push((await stage.participant('late', ['edge'])).follow());
    followers.push((await stage.participant('latest', ['origin'])).follow());
    await stage.until('newcomers have a value', () => followers.every(({ now }) => now() !== null));
    await stage.settle(outcome);
    for (const { now } of followers) expect(now()).toMatchObject({ version: 2, freshness: 'live' });
    expect(followers.map(({ versions }) => versions())).toEqual([[1, 2], [2], [2]]);
  });

  it('BUS-12: who joins late, over a restarted relay or after a cut, holds what those hold who listened from the start', async () => {
    const stage = new Stage(12);
    stage.relay('origin');
    const edge = stage.relay('edge', ['origin']);
    const publisher = await stage.participant('publisher', ['origin']);
    const first = (await stage.participant('first', ['edge', 'origin'])).follow();
    const all = [first];
    for (let version = 1; version <= 10; version += 1) {
      await publisher.publishList(version, 60_000);
      if (version === 4) edge.crash();
      if (version === 6) edge.start();
      if (version === 8) stage.simulation.network.partition('origin', 'edge');
      if (version === 9) stage.simulation.network.healAll();
      all.push((await stage.participant(`late-${version}`, ['edge', 'origin'])).follow());
      await stage.run(700);
    }
    await stage.until('all hold the newest version', () => all.every(({ now }) => now()?.version === 10));
    for (const { now } of all) expect(now()).toMatchObject({ value: listOf(10), group: first.now()?.group });
    // Each was told a rising part of the sequence that the first one could have been told.
    for (const { versions } of all) expect(versions()).toEqual(versions().toSorted((left, right) => left - right));
  });
});
