import { type FullTrackName, fullTrackName, trackNamespace } from '@higgins/protocol';
import { VirtualMachine, type VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import type { Freshness } from './core/freshness.js';
import type { HeldTrack } from './core/held-record.js';
import { StateStore } from './state-store.js';

const TTL_MS = 60_000;
const text = new TextEncoder();
const trackName = (id: string): FullTrackName =>
  fullTrackName(trackNamespace(['platform', 'lists', id].map((part) => text.encode(part))), text.encode('current'));
const name = trackName('a');

const heldFor = (runtime: VirtualRuntime, change: Partial<HeldTrack> = {}): HeldTrack => ({
  name,
  place: { group: 7, object: 0 },
  content: { kind: 'payload', payload: Uint8Array.of(1, 2, 3) },
  format: 'cbor',
  writerId: 'writer',
  ttlMs: TTL_MS,
  publishMs: 5,
  deadlineBootMs: runtime.bootMs() + TTL_MS,
  ...change,
});

interface Bench {
  readonly world: VirtualWorld;
  readonly machine: VirtualMachine;
  readonly changes: { atMs: number; freshness: Freshness }[];
  readonly errors: string[];
  open(runtime: VirtualRuntime): Promise<StateStore>;
}

function bench(): Bench {
  const world = new VirtualWorld({ seed: 11 });
  const machine = new VirtualMachine(world, { name: 'pop' });
  const changes: Bench['changes'] = [];
  const errors: string[] = [];
  const open = (runtime: VirtualRuntime) =>
    world.runUntilSettled(
      StateStore.open({
        runtime,
        folder: 'state',
        onFreshness: (_, freshness) => changes.push({ atMs: world.nowMs, freshness }),
        onStorageError: (file) => errors.push(file),
      }),
      1000,
    );
  return { world, machine, changes, errors, open };
}

describe('StateStore', () => {
  it('BUS-45: a value becomes stale and expires by a local timer, at its time, once', async () => {
    const { world, machine, changes, open } = bench();
    const runtime = machine.start();
    const store = await open(runtime);
    store.put(heldFor(runtime));
    expect(store.freshness(name)).toBe('live');
    await world.runFor(10 * TTL_MS);
    expect(changes.map(({ freshness }) => freshness)).toEqual(['stale', 'expired']);
    expect(changes[0]?.atMs).toBeCloseTo(40_000, 3);
    expect(changes[1]?.atMs).toBeCloseTo(60_000, 3);
    expect(store.freshness(name)).toBe('expired');
  });

  it('BUS-49: a renewal moves the timers', async () => {
    const { world, machine, changes, open } = bench();
    const runtime = machine.start();
    const store = await open(runtime);
    for (let renewal = 0; renewal < 9; renewal++) {
      store.put(heldFor(runtime));
      await world.runFor(TTL_MS / 3);
    }
    expect(changes).toEqual([]);
  });

  it('BUS-37: a restarted process goes on with the remaining TTL, not with a fresh one', async () => {
    const { world, machine, changes, open } = bench();
    const before = machine.start();
    const store = await open(before);
    store.put(heldFor(before));
    await world.runFor(0.4 * TTL_MS);
    before.kill();
    await world.runFor(5_000);
    const restored = await open(machine.start());
    expect(restored.get(name)).toMatchObject({ place: { group: 7, object: 0 }, content: { kind: 'payload' } });
    await world.runFor(TTL_MS);
    expect(changes.at(-1)?.atMs).toBeCloseTo(TTL_MS, 3);
  });

  it('BUS-37: across a reboot the wall clock counts', async () => {
    const { world, machine, changes, open } = bench();
    const before = machine.start();
    const store = await open(before);
    store.put(heldFor(before));
    await world.runFor(10_000);
    machine.reboot();
    await world.runFor(15_000);
    const restored = await open(machine.start());
    expect(restored.freshness(name)).toBe('live');
    await world.runFor(TTL_MS);
    expect(changes.at(-1)).toMatchObject({ freshness: 'expired' });
    expect(changes.at(-1)?.atMs).toBeCloseTo(TTL_MS, 3);
  });

  it('BUS-37: a wall clock that went backwards across a reboot means expired', async () => {
    const { world, machine, open } = bench();
    const before = machine.start();
    const store = await open(before);
    store.put(heldFor(before));
    await world.runFor(10_000);
    machine.reboot();
    machine.stepWallClock(-11_000);
    const restored = await open(machine.start());
    expect(restored.get(name)).toBeDefined();
    expect(restored.freshness(name)).toBe('expired');
  });

  it('BUS-37: a step of the wall clock changes nothing within one boot', async () => {
    const { world, machine, open } = bench();
    const before = machine.start();
    const store = await open(before);
    store.put(heldFor(before));
    await world.runFor(1_000);
    before.kill();
    machine.stepWallClock(-3_600_000);
    const runtime = machine.start();
    const restored = await open(runtime);
    expect(restored.get(name)?.deadlineBootMs).toBeCloseTo(runtime.bootMs() + TTL_MS - 1_000, 3);
  });

  it('BUS-37: damaged files are reported and ignored', async () => {
    const { world, machine, errors, open } = bench();
    const before = machine.start();
    const store = await open(before);
    store.put(heldFor(before));
    store.put(heldFor(before, { name: trackName('b') }));
    await world.runUntilSettled(store.flush(), 1_000);
    machine.disk.tear('state/platform+lists+a+current');
    const restored = await open(machine.start());
    expect(errors).toEqual(['state/platform+lists+a+current']);
    expect([...restored.values()].map((held) => held.name.key)).toEqual([trackName('b').key]);
  });

  it('BUS-37: what was written last is what comes back, however often it changed meanwhile', async () => {
    const { world, machine, errors, open } = bench();
    machine.disk.latencyMs = 10;
    const before = machine.start();
    const store = await open(before);
    for (let group = 1; group <= 20; group++) {
      store.put(heldFor(before, { place: { group, object: 0 } }));
      await world.runFor(3);
    }
    await world.runUntilSettled(store.flush(), 1_000);
    const restored = await open(machine.start());
    expect(restored.get(name)?.place.group).toBe(20);
    expect(errors).toEqual([]);
  });

  it('keeps a map by its entries, and forgets a track on disk too', async () => {
    const { world, machine, open } = bench();
    const before = machine.start();
    const store = await open(before);
    const entries = new Map([['k', Uint8Array.of(9)]]);
    store.put(heldFor(before, { content: { kind: 'map', entries } }));
    await world.runUntilSettled(store.flush(), 1_000);
    const restored = await open(machine.start());
    expect(restored.get(name)?.content).toEqual({ kind: 'map', entries });
    await world.runUntilSettled(restored.forget(name), 1_000);
    expect(machine.disk.snapshot().size).toBe(0);
  });

  it('goes on without a disk that fails, and says so', async () => {
    const { world, machine, errors, open } = bench();
    const runtime = machine.start();
    const store = await open(runtime);
    machine.disk.writeFailure = 'disk full';
    store.put(heldFor(runtime));
    await world.runUntilSettled(store.flush(), 1_000);
    expect(errors).toHaveLength(1);
    expect(store.freshness(name)).toBe('live');
  });
});
