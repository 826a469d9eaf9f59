import { beforeEach, describe, expect, it } from 'vitest';
import { type Fault, healAll, scheduleFaults } from './faults.js';
import type { SimulatedNode } from './node.js';
import { Simulation } from './simulation.js';

const LINK = { left: 'edge', right: 'pop', atMs: 100, durationMs: 100 } as const;
const NODE = { node: 'pop', atMs: 100, durationMs: 100 } as const;

describe('faults of links', () => {
  it.each([
    [{ kind: 'loss', rate: 0.25, ...LINK }, { lossRate: 0.25 }],
    [{ kind: 'reordering', rate: 0.5, ...LINK }, { reorderRate: 0.5 }],
    [{ kind: 'bandwidth', bytesPerSecond: 4000, ...LINK }, { bytesPerSecond: 4000 }],
    [
      { kind: 'delay', latencyMs: 200, jitterMs: 50, ...LINK },
      { latencyMs: 210, jitterMs: 51 },
    ],
    [{ kind: 'mtu', bytes: 1280, ...LINK }, { mtuBytes: 1280 }],
  ] satisfies [Fault, object][])('%o makes the link worse in both directions, and ends', async (fault, worse) => {
    scheduleFaults(simulation, [fault]);
    const options = () => [optionsOf('edge', 'pop'), optionsOf('pop', 'edge')];
    const usual = options();
    await simulation.run(150);
    expect(options()).toEqual(usual.map((before) => ({ ...before, ...worse })));
    await simulation.run(250);
    expect(options()).toEqual(usual);
  });

  it('lets a partition of one way pass the other way', async () => {
    scheduleFaults(simulation, [{ kind: 'partition', ways: 'left-to-right', ...LINK }]);
    await simulation.run(150);
    expect([isBlocked('edge', 'pop'), isBlocked('pop', 'edge')]).toEqual([true, false]);
    await simulation.run(250);
    expect([isBlocked('edge', 'pop'), isBlocked('pop', 'edge')]).toEqual([false, false]);
  });

  it('ends each of several faults of one link alone', async () => {
    scheduleFaults(simulation, [
      { kind: 'partition', ways: 'both', ...LINK },
      { kind: 'partition', ways: 'left-to-right', ...LINK, durationMs: 300 },
      { kind: 'loss', rate: 0.5, ...LINK },
      { kind: 'loss', rate: 0.5, ...LINK, durationMs: 300 },
    ]);
    await simulation.run(150);
    expect(optionsOf('edge', 'pop').lossRate).toBe(0.75);
    await simulation.run(250);
    expect([isBlocked('edge', 'pop'), isBlocked('pop', 'edge')]).toEqual([true, false]);
    expect(optionsOf('edge', 'pop').lossRate).toBe(0.5);
    healAll(simulation);
    expect([isBlocked('edge', 'pop'), optionsOf('edge', 'pop').lossRate]).toEqual([false, 0]);
  });
});

describe('faults of nodes', () => {
  it.each(['crash', 'reboot'] as const)('a %s ends the process, which starts again', async (kind) => {
    scheduleFaults(simulation, [{ kind, ...NODE }]);
    await simulation.run(150);
    expect(pop.process).toBeNull();
    await simulation.run(250);
    expect(pop.running).toBe(true);
  });

  it.each(['pause', 'sleep'] as const)('a %s stops the process, which goes on', async (kind) => {
    scheduleFaults(simulation, [{ kind, ...NODE }]);
    const { process } = pop;
    await simulation.run(150);
    expect(process?.state).toBe('paused');
    await simulation.run(250);
    expect([pop.process === process, process?.state]).toEqual([true, 'running']);
  });

  it('a slow or stalled reader reads as before at the end', async () => {
    scheduleFaults(simulation, [
      { kind: 'slow-reader', bytesPerSecond: 700, ...NODE },
      { kind: 'stalled-reader', ...NODE, atMs: 300 },
    ]);
    const speedAt = async (untilMs: number) => {
      await simulation.run(untilMs);
      return simulation.network.reading('pop').bytesPerSecond;
    };
    expect([await speedAt(150), await speedAt(250), await speedAt(350), await speedAt(450)]).toEqual([
      ...[700, Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY],
    ]);
  });

  it('a wall clock steps, or runs at another rate for a while', async () => {
    const wrongMs = () => Math.round(pop.machine.wallMs() - simulation.world.wallMs());
    scheduleFaults(simulation, [
      { kind: 'wall-clock-step', byMs: -5000, ...NODE, durationMs: 0 },
      { kind: 'wall-clock-rate', ppm: 20_000, ...NODE, atMs: 1000, durationMs: 1000 },
    ]);
    await simulation.run(500);
    expect(wrongMs()).toBe(-5000);
    await simulation.run(5000);
    expect(wrongMs()).toBe(-4980);
  });

  it('a full disk refuses writes until the end', async () => {
    const write = () => pop.process!.disk.replace('a', new Uint8Array([1]));
    scheduleFaults(simulation, [{ kind: 'disk-full', ...NODE }]);
    await simulation.run(150);
    await expect(write()).rejects.toThrow('no space left on device');
    await simulation.run(250);
    await write();
  });

  it('a machine that reboots has forgotten what its full disk refused to keep', async () => {
    scheduleFaults(simulation, [
      { kind: 'disk-full', ...NODE, durationMs: 300 },
      { kind: 'reboot', ...NODE, atMs: 150 },
      { kind: 'reboot', ...NODE, atMs: 350 },
    ]);
    const forgotten = () => simulation.history().filter((line) => line.includes('lost its disk')).length;
    await simulation.run(270);
    expect(forgotten()).toBe(0);
    await expect(pop.process!.disk.replace('a', new Uint8Array([1]))).rejects.toThrow('no space left on device');
    await simulation.run(400);
    expect(forgotten()).toBe(1);
  });

  it('a lost, torn or old disk is there after a reboot, and the machine has forgotten', async () => {
    const { disk } = pop.machine;
    const write = (text: string) => disk.replace('a', new TextEncoder().encode(text));
    const read = async () => new TextDecoder().decode((await disk.read('a')) ?? undefined);
    scheduleFaults(simulation, [
      { kind: 'old-disk', snapshotAtMs: 50, ...NODE },
      { kind: 'torn-disk', outcome: 'lost', ...NODE, atMs: 300 },
      { kind: 'torn-disk', outcome: 'torn', ...NODE, atMs: 500 },
      { kind: 'disk-loss', ...NODE, atMs: 700 },
    ]);
    await write('first');
    await simulation.run(80);
    await write('second');
    await simulation.run(150);
    expect([pop.process, await read()]).toEqual([null, 'first']);
    await write('third');
    await simulation.run(350);
    expect(await read()).toBe('first');
    await write('fourth');
    await simulation.run(550);
    expect('fourth'.startsWith(await read()) && (await read()) !== 'fourth').toBe(true);
    await simulation.run(750);
    expect(await disk.read('a')).toBeNull();
    expect(simulation.history().filter((line) => line.includes('lost its disk'))).toHaveLength(4);
    await simulation.run(850);
    expect(pop.running).toBe(true);
  });

  it('a certificate expires by a correct clock, and is renewed at the end', async () => {
    const identity = simulation.identity('pop', { issuer: 'authority', subject: 'pop' });
    const endMs = () => (JSON.parse(identity.certificatePem) as { notAfterMs?: number }).notAfterMs;
    scheduleFaults(simulation, [{ kind: 'certificate-expiry', resets: false, ...NODE }]);
    await simulation.run(150);
    expect(endMs()).toBe(simulation.world.startWallMs + 100);
    await simulation.run(250);
    expect(endMs()).toBeUndefined();
  });

  it('a hostile peer is there from the beginning to the end of its fault, and at no other time', async () => {
    const hostile = simulation.node({ name: 'hostile', standsBy: true }, () => {});
    scheduleFaults(simulation, [{ kind: 'hostile-peer', ...NODE, node: 'hostile' }]);
    await simulation.run(50);
    expect(hostile.running).toBe(false);
    await simulation.run(150);
    expect(hostile.running).toBe(true);
    await simulation.run(250);
    expect(hostile.running).toBe(false);
    hostile.start();
    healAll(simulation);
    expect(hostile.running).toBe(false);
  });

  it('a zombie goes on when another node has taken over', async () => {
    const standby = simulation.node({ name: 'standby', standsBy: true }, () => {});
    scheduleFaults(simulation, [{ kind: 'zombie', standby: 'standby', ...NODE }]);
    await simulation.run(150);
    expect([pop.process?.state, standby.running]).toEqual(['paused', true]);
    await simulation.run(250);
    expect([pop.running, standby.running]).toEqual([true, true]);
  });

  it('refuses a plan that names a node which is not there', async () => {
    scheduleFaults(simulation, [{ kind: 'crash', ...NODE, node: 'nobody' }]);
    await expect(simulation.run(150)).rejects.toThrow('a fault names the node nobody, which is not there');
  });
});

let simulation: Simulation;
let pop: SimulatedNode;

beforeEach(() => {
  simulation = new Simulation(1, { link: { latencyMs: 10, jitterMs: 1 } });
  pop = simulation.node({ name: 'pop' }, () => {});
  simulation.node({ name: 'edge' }, () => {}).start();
  pop.start();
});

function optionsOf(from: string, to: string) {
  return simulation.network.link(from, to).options;
}

function isBlocked(from: string, to: string): boolean {
  return simulation.network.link(from, to).blockedSinceMs !== null;
}
