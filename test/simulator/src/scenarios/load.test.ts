import { describe, expect, it } from 'vitest';
import { scheduleFaults } from '../frame/faults.js';
import { runSeed } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { leavingLosesNothing } from '../invariants/leaving-loses-nothing.js';
import { buildLoad, type LoadOptions } from '../topologies/load.js';
import { load, manyTracks } from './load.js';
import { loadLoss, loadStall } from './load-beside.js';
import { loadDrain } from './load-drain.js';
import { loadHeartbeats } from './load-heartbeats.js';
import { loadStorm } from './load-storm.js';
import { twice } from './same-trace.js';

/** As in production, from a virtual machine to a real one, this is what one seed takes on a busy one at most. */
const SEED_MS_MAX = 300_000;

describe('load', () => {
  it.each([
    ['BUS-54, BUS-60: tracks come and go while everything goes wrong', load, 26],
    ['BUS-63: many tracks are asked for in portions', manyTracks, 2],
    ['BUS-24, BUS-39: a dead publisher is known, one that pauses is not taken for dead', loadHeartbeats, 2],
    ['BUS-36: relays drain and certificates change, and nobody notices', loadDrain, 3],
    ['BUS-61: a stalled peer moves nobody', loadStall, 1],
    ['BUS-55, BUS-62: loss delays only its own', loadLoss, 1],
    ['BUS-63: everybody comes back at once', loadStorm, 2],
    ['BUS-136: the same seed takes the same steps', twice, 8],
  ] as const)('%s', { timeout: SEED_MS_MAX }, async (_what, scenario, seed) => {
    expect((await runSeed(scenario, seed)).violation).toBeNull();
  });
});

describe('two relays at once', () => {
  const CONTENT = {
    ...{ lists: ['one', 'two'], listIntervalMs: 200, entries: 10, ttlMs: 60_000 },
    ...{ events: ['steady'], eventIntervalMs: 20 },
  };
  /** The longest way from the publisher to a client, and a little. */
  const DELIVERY_MS_MAX = 170;

  /** Clients that hold `options.standby` relays, one of which dies in mid-stream and comes back. */
  async function killOneRelay(options: Partial<LoadOptions>): Promise<Simulation> {
    const simulation = new Simulation(38, { link: { latencyMs: 2 } });
    const topology = buildLoad(simulation, { publishers: [CONTENT], clients: 4, untilMs: 40_000, ...options });
    const deliveries = { consumers: topology.clients, tracks: topology.tracks, deliveryMsMax: DELIVERY_MS_MAX };
    simulation.hold(leavingLosesNothing({ ...deliveries, fromMs: 5_000 }));
    topology.start();
    scheduleFaults(simulation, [
      { kind: 'crash', node: 'edge-1', atMs: 8_013, durationMs: 6_000 },
      { kind: 'pause', node: 'edge-2', atMs: 25_007, durationMs: 8_000 },
    ]);
    await simulation.run(40_500);
    return simulation;
  }

  it('BUS-38: the death and the pause of one relay make no object late', { timeout: SEED_MS_MAX }, async () => {
    const simulation = await killOneRelay({ standby: true });
    expect(simulation.history().length).toBeGreaterThan(0);
  });

  it('BUS-38: with one relay alone objects are late, which is what the second is for', {
    timeout: SEED_MS_MAX,
  }, async () => {
    await expect(killOneRelay({ standby: false })).rejects.toThrow(/has not got .* within 170 ms/);
  });
});
