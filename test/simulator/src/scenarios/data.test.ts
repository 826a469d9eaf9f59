import { describe, expect, it } from 'vitest';
import type { Observation } from '../frame/observation.js';
import { runSeed } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { EVENT_TRACK, MAP_TRACK } from '../programs/data-content.js';
import { buildData, type DataOptions, LATE, PROBE, PUBLISHER, SUBSCRIBERS } from '../topologies/data.js';
import { DATA_CONVERGENCE_MS_MAX, data } from './data.js';

/** A fixed sample; `pnpm simulate` runs more. */
const SEEDS = [1, 14];

/** Seeds that found a fault, each with what was wrong. */
const FOUND: readonly (readonly [number, string])[] = [
  [9, 'what lay at its publisher was as good as new to who joined late'],
  [7, 'events stood still behind a group whose publisher had crashed, or had lost its lease'],
  [27, 'the lost rest of a group was not told when the next group came'],
  [27, 'who was admitted by one publisher never got what a newer one had published before'],
  [24, 'a relay that joined late cached a map without its snapshot, and nobody could ask for a new one'],
];

describe('lists, a map and events over one to five relays', () => {
  it.each(FOUND)('seed %i, which found that %s, holds every invariant', async (seed) => {
    expect((await runSeed(data, seed)).violation).toBeNull();
  });

  it.each(SEEDS)('BUS-136: seed %i holds every invariant, and its second run has the same trace', async (seed) => {
    const first = await runSeed(data, seed);
    expect(first.violation).toBeNull();
    expect(first.steps).toBeGreaterThan(1000);
    expect(await runSeed(data, seed)).toEqual(first);
  });
});

describe('data: named scenarios', () => {
  it('BUS-12, BUS-31, BUS-32: a join at every point of a publication has the current object once, and every later one', async () => {
    // The join takes about 100 ms; something is published every 20 to 100 ms.
    for (let offsetMs = 0; offsetMs < 200; offsetMs += 25) {
      const { simulation, topology, seen } = await established({ hops: 3, editIntervalMs: 120, authorUntilMs: 3000 });
      await simulation.run(simulation.world.nowMs + offsetMs);
      topology.node(LATE).start();
      await simulation.run(3000);
      await simulation.runUntilTrue(() => topology.converged(), 2000);
      simulation.finish();
      const events = seen.filter((observation) => observation.kind === 'delivered' && observation.node === LATE);
      expect(events.length).toBeGreaterThan(20);
      // The invariants judge order, holes, repeats and the end; nothing may be lost, with a word or without.
      expect(events.some((event) => event.kind === 'delivered' && event.lost)).toBe(false);
      expect(seen.some(({ kind, node }) => kind === 'held' && node === LATE)).toBe(true);
      expect(topology.view(LATE, MAP_TRACK)?.freshness).toBe('live');
    }
  });

  it('BUS-13, BUS-14: without a fault nothing is lost over five hops, and groups begin anew', async () => {
    const { simulation, topology, seen } = await established({ hops: 5, editIntervalMs: 150, authorUntilMs: 20_000 });
    await simulation.run(20_000);
    await simulation.runUntilTrue(() => topology.converged(), 5000);
    simulation.finish();
    for (const node of SUBSCRIBERS) {
      const lost = seen.filter((each) => each.kind === 'delivered' && each.node === node && each.lost);
      expect(lost).toEqual([]);
    }
    for (const track of [MAP_TRACK, EVENT_TRACK]) {
      const groups = seen.flatMap((each) => (each.kind === 'committed' && each.track === track ? [each.group] : []));
      expect(new Set(groups).size, track).toBeGreaterThan(2);
    }
  });

  it('BUS-30, BUS-43, BUS-47: a dead publisher leaves values until their TTL, five hops away too, then their defaults', async () => {
    const { simulation, topology, seen } = await established({ hops: 5 });
    await simulation.run(8000);
    topology.node(PUBLISHER).crash();
    const { lists } = topology.author.lists;
    await simulation.run(simulation.world.nowMs + 7500);
    for (const { track } of lists) expect(topology.view('far', track)?.freshness).not.toBe('expired');
    topology.node(LATE).start();
    await simulation.run(simulation.world.nowMs + 13_000);
    for (const node of [...SUBSCRIBERS, LATE]) {
      for (const { track, expiry } of lists) {
        const defaults = seen.filter((each) => each.kind === 'expired' && each.node === node && each.track === track);
        expect(defaults, `${node} ${track}`).toMatchObject([{ mode: expiry }]);
      }
    }
  });

  it('BUS-48: after its TTL no relay hands out an object, and every subscriber calls it expired', async () => {
    const { simulation, topology, seen } = await established({ hops: 3 });
    await simulation.run(8000);
    topology.node(PUBLISHER).crash();
    await simulation.run(simulation.world.nowMs + 13_000);
    const overMs = simulation.world.nowMs;
    seen.length = 0;
    topology.node(LATE).start();
    await simulation.run(overMs + 20_000);
    const { lists } = topology.author.lists;
    const tracks = [...lists.map(({ track }) => track), MAP_TRACK];
    expect(seen.filter((each) => each.kind === 'served' && each.node === PROBE && tracks.includes(each.track))).toEqual(
      [],
    );
    for (const track of tracks) {
      expect(topology.view('far', track)?.freshness).toBe('expired');
      expect(topology.view(LATE, track)).toBeNull();
    }
  });

  it('BUS-10: a publisher that is paused and resumed after a take-over changes nothing any more', async () => {
    const { simulation, topology } = await established({ hops: 2, standby: true, authorUntilMs: 25_000 });
    await simulation.run(6000);
    topology.node(PUBLISHER).pause();
    topology.node('standby').start();
    await simulation.run(9000);
    topology.node(PUBLISHER).resume();
    await simulation.run(25_000);
    await simulation.runUntilTrue(() => topology.converged(), DATA_CONVERGENCE_MS_MAX);
    simulation.finish();
    for (const { track } of topology.author.lists.lists) {
      expect(topology.view('far', track)?.version).toBe(topology.author.lists.version(track));
    }
  });
});

/** A topology in which everybody has the first values. `seen`: everything that is observed from then on. */
async function established(options: Partial<DataOptions>) {
  const simulation = new Simulation(2026, { link: { latencyMs: 2 } });
  const seen: Observation[] = [];
  simulation.hold({ id: 'witness', statement: 'what happens is kept', observe: (each) => void seen.push(each) });
  const defaults = { ttlMs: 12_000, eventTtlMs: 120_000, editIntervalMs: 500, authorUntilMs: 60_000 };
  const topology = buildData(simulation, {
    ...{ seed: 2026, standby: false, hops: 2, wallOffsetMsMax: 5000, ...defaults },
    ...options,
  });
  topology.start();
  await simulation.run(2000);
  return { simulation, topology, seen };
}
