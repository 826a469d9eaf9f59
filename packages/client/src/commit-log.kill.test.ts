import { VirtualMachine, type VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import { applied, organisationList, parseListEntries } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import type { WrittenObject } from './core/track-writer.js';
import { Publisher } from './publisher.js';

const params = { org: 'acme', list: 'blocked' };
const pop = { pop: 'ams1' };
const entries = parseListEntries(['192.0.2.0/24']);
const listOf = (version: number) => ({ owner: 'acme', version, createdWallMs: null, expiry: 'open' as const, entries });
const ackOf = (group: number) => ({
  result: 'applied' as const,
  group,
  version: null,
  appliedWallMs: 0,
  entries: null,
  reason: null,
});

/** What the first life left behind outside of its disk. */
interface Traces {
  /** Version of the last list, and number of map keys, whose commit was confirmed to the caller. */
  confirmedVersion: number;
  confirmedKeys: number;
  /** Every object that anyone could have seen. */
  readonly seen: { readonly track: string; readonly group: number; readonly object: WrittenObject }[];
}

// Commits six lists, two at a time, and three map entries, one after the other.
async function firstLife(runtime: VirtualRuntime, traces: Traces): Promise<void> {
  const publisher = await open(runtime);
  publisher.listen({
    committed: (track, object) =>
      traces.seen.push({ track: track.name.key, group: track.writer.newest?.group ?? -1, object }),
    retired: () => undefined,
  });
  for (let step = 1; step <= 3; step++) {
    const versions = [2 * step - 1, 2 * step];
    await Promise.all(versions.map((version) => publisher.publish(organisationList, params, listOf(version))));
    traces.confirmedVersion = 2 * step;
    await publisher.update(applied, pop, { set: new Map([[`key ${step}`, ackOf(step)]]) });
    traces.confirmedKeys = step;
  }
}

const errors: unknown[] = [];
const open = (runtime: VirtualRuntime) =>
  Publisher.open({ runtime, writerId: 'w', folder: 'publisher', onStorageError: (_, error) => errors.push(error) });

/** Runs the first life for `steps` steps of the world, kills it, and starts a second one; null if it ended before. */
async function killAfter(steps: number, seed: number): Promise<{ traces: Traces; publisher: Publisher } | null> {
  const world = new VirtualWorld({ seed });
  const machine = new VirtualMachine(world, { name: 'publisher' });
  machine.disk.latencyMs = 5;
  const traces: Traces = { confirmedVersion: 0, confirmedKeys: 0, seen: [] };
  const runtime = machine.start();
  let ended = false;
  void firstLife(runtime, traces).then(() => {
    ended = true;
  });
  for (let step = 0; step < steps; step++) {
    await world.settle();
    world.step();
  }
  await world.settle();
  runtime.kill();
  if (ended) return null;
  return { traces, publisher: await world.runUntilSettled(open(machine.start()), 10_000) };
}

describe('BUS-27: the journal, killed at every step', () => {
  it.each([1, 2, 3, 4])('BUS-27: loses nothing committed and shows nothing uncommitted (seed %i)', async (seed) => {
    let kills = 0;
    for (let steps = 0; ; steps++) {
      const life = await killAfter(steps, seed);
      if (life === null) break;
      kills += 1;
      check(life.traces, life.publisher);
    }
    expect(kills).toBeGreaterThan(8);
    expect(errors).toEqual([]);
  });
});

function check(traces: Traces, publisher: Publisher): void {
  const list = publisher.track(organisationList.name(params))?.writer.newest;
  const map = publisher.track(applied.name(pop))?.writer.newest;
  const payload = list?.objects[0]?.payload;
  const version = payload === undefined ? 0 : organisationList.decode(payload).version;
  expect(version).toBeGreaterThanOrEqual(traces.confirmedVersion);
  expect(map?.objects.length ?? 0).toBeGreaterThanOrEqual(traces.confirmedKeys);
  for (const { track, group, object } of traces.seen) {
    const newest = publisher.track(nameOf(track))?.writer.newest;
    expect(newest?.group).toBeGreaterThanOrEqual(group);
    // The same place holds the identical object, publish time included.
    if (newest?.group === group) expect(newest.objects[object.object]).toEqual(object);
  }
}

function nameOf(key: string) {
  return key === applied.name(pop).key ? applied.name(pop) : organisationList.name(params);
}
