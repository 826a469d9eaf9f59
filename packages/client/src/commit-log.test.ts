import { VirtualMachine, type VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import { applied, organisationList, parseListEntries, readObjectProperties } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { epochOf, GROUPS_PER_EPOCH } from './core/epoch.js';
import type { WrittenObject } from './core/track-writer.js';
import { Publisher, type PublisherOptions } from './publisher.js';

const TTL_MS = 60_000;
const params = { org: 'acme', list: 'blocked' };
const listOf = (version: number) => ({
  owner: 'acme',
  version,
  createdWallMs: null,
  expiry: 'open' as const,
  entries: parseListEntries([`192.0.2.${version % 256}`]),
});

/** An object as the bus would see it. */
interface Seen {
  readonly atMs: number;
  readonly track: string;
  readonly group: number;
  readonly object: WrittenObject;
}

class Bench {
  readonly world = new VirtualWorld({ seed: 27 });
  readonly machine = new VirtualMachine(this.world, { name: 'publisher' });
  readonly seen: Seen[] = [];
  readonly errors: string[] = [];

  async open(runtime: VirtualRuntime, change: Partial<PublisherOptions> = {}): Promise<Publisher> {
    const publisher = await this.settle(
      Publisher.open({
        runtime,
        writerId: 'writer',
        folder: 'publisher',
        onStorageError: (file) => this.errors.push(file),
        ...change,
      }),
    );
    publisher.listen({
      committed: (track, object) => {
        const group = track.writer.newest?.group ?? -1;
        this.seen.push({ atMs: this.world.nowMs, track: track.name.key, group, object });
      },
      retired: () => undefined,
    });
    return publisher;
  }

  settle<Value>(promise: Promise<Value>): Promise<Value> {
    return this.world.runUntilSettled(promise, 10_000);
  }

  publish(publisher: Publisher, version: number) {
    return this.settle(publisher.publish(organisationList, params, listOf(version), { ttlMs: TTL_MS }));
  }
}

const versionOf = (object: WrittenObject) => organisationList.decode(object.payload).version;

describe('Publisher commits', () => {
  it('BUS-09: Group IDs rise within an epoch, and across restarts, lost disks and clocks that went back', async () => {
    const bench = new Bench();
    const groups: number[] = [];
    for (let life = 0; life < 4; life++) {
      const runtime = bench.machine.start();
      const publisher = await bench.open(runtime);
      for (let version = 1; version <= 3; version++) groups.push((await bench.publish(publisher, version)).group);
      runtime.kill();
      await bench.world.runFor(2_000);
      if (life === 1) bench.machine.disk.lose();
      if (life === 2) bench.machine.stepWallClock(-1_000_000);
    }
    expect(groups).toEqual([...new Set(groups)].sort((left, right) => left - right));
  });

  it('BUS-10: an epoch that was seen on the track is passed', async () => {
    const bench = new Bench();
    const publisher = await bench.open(bench.machine.start());
    const first = await bench.publish(publisher, 1);
    publisher.observe(first.name, first.group + 40 * GROUPS_PER_EPOCH);
    const second = await bench.publish(publisher, 2);
    expect(epochOf(second.group)).toBe(epochOf(first.group) + 41);
    publisher.observe(first.name, second.group + 40_000_000 * GROUPS_PER_EPOCH);
    expect(epochOf((await bench.publish(publisher, 3)).group)).toBe(epochOf(second.group));
  });

  it('BUS-10: a value whose group turns out to be old goes out again above what was seen, without a commit', async () => {
    const bench = new Bench();
    const publisher = await bench.open(bench.machine.start());
    const first = await bench.publish(publisher, 1);
    publisher.observe(first.name, first.group + 40 * GROUPS_PER_EPOCH);
    await bench.world.runFor(1_000);
    expect(bench.seen).toHaveLength(2);
    expect(bench.seen[1]?.object.payload).toEqual(bench.seen[0]?.object.payload);
    expect(epochOf(publisher.track(first.name)?.writer.newest?.group ?? 0)).toBe(epochOf(first.group) + 41);
  });

  it('BUS-12: each value is a group of one object that names the group before it and carries TTL and publish time', async () => {
    const bench = new Bench();
    const runtime = bench.machine.start();
    const publisher = await bench.open(runtime);
    const wallMs = runtime.wallMs();
    const first = await bench.publish(publisher, 1);
    bench.machine.stepWallClock(3_600_000);
    await bench.world.runFor(1_000);
    const second = await bench.publish(publisher, 2);
    const [before, after] = bench.seen.map(({ object }) => readObjectProperties(object.properties));
    expect(before).toEqual({
      ttlMs: TTL_MS,
      publishTimeMs: wallMs,
      previousGroup: null,
      previousObject: null,
      ageMs: 0,
    });
    const previous = { previousGroup: first.group, previousObject: 0 };
    expect(after).toEqual({ ttlMs: TTL_MS, publishTimeMs: wallMs + 1_000, ...previous, ageMs: 0 });
    expect([first.object, second.object]).toEqual([0, 0]);
  });

  it('BUS-90: values that come while the disk is busy take one write, and are seen in their order once the newest is safe', async () => {
    const bench = new Bench();
    bench.machine.disk.latencyMs = 10;
    const publisher = await bench.open(bench.machine.start());
    const startMs = bench.world.nowMs;
    const edits = Array.from({ length: 50 }, (_, index) =>
      publisher.publish(organisationList, params, listOf(index + 1), { ttlMs: TTL_MS }),
    );
    await bench.world.runFor(5);
    expect(bench.seen).toEqual([]);
    const published = await bench.settle(Promise.all(edits));
    expect(bench.world.nowMs - startMs).toBeLessThanOrEqual(20);
    expect(bench.seen.map(({ object }) => versionOf(object))).toEqual(edits.map((_, index) => index + 1));
    expect(bench.seen.map(({ group }) => group)).toEqual(published.map(({ group }) => group));
    const previous = bench.seen.map(({ object }) => readObjectProperties(object.properties).previousGroup);
    expect(previous).toEqual([null, ...published.slice(0, -1).map(({ group }) => group)]);
    const again = await bench.open(bench.machine.start());
    expect([...again.tracks()].map(({ writer }) => writer.newest?.objects[0]?.payload)).toEqual([
      bench.seen.at(-1)?.object.payload,
    ]);
  });

  it('BUS-90: when that write fails none of them is seen, and all are told', async () => {
    const bench = new Bench();
    bench.machine.disk.latencyMs = 10;
    const publisher = await bench.open(bench.machine.start());
    bench.machine.disk.writeFailure = 'disk full';
    const edits = Array.from({ length: 5 }, (_, index) =>
      publisher.publish(organisationList, params, listOf(index + 1), { ttlMs: TTL_MS }),
    );
    const outcomes = await bench.settle(Promise.allSettled(edits));
    expect(outcomes.map(({ status }) => status)).toEqual(edits.map(() => 'rejected'));
    expect(bench.seen).toEqual([]);
    bench.machine.disk.writeFailure = null;
    await bench.publish(publisher, 6);
    expect(bench.seen.map(({ object }) => versionOf(object))).toEqual([6]);
  });

  it('BUS-49: an unchanged value is renewed at a third of its TTL, with the same bytes, in a new group', async () => {
    const bench = new Bench();
    const publisher = await bench.open(bench.machine.start());
    await bench.publish(publisher, 1);
    await bench.world.runFor(3 * TTL_MS);
    expect(bench.seen).toHaveLength(10);
    expect(bench.seen.map(({ atMs }) => Math.round(atMs))).toEqual(Array.from({ length: 10 }, (_, n) => n * 20_000));
    for (const { object } of bench.seen) expect(object.payload).toEqual(bench.seen[0]?.object.payload);
    expect(new Set(bench.seen.map(({ group }) => group)).size).toBe(10);
  });

  it('BUS-49: a disk that fails stops commits, not renewals', async () => {
    const bench = new Bench();
    const publisher = await bench.open(bench.machine.start());
    await bench.publish(publisher, 1);
    bench.machine.disk.writeFailure = 'disk full';
    await bench.world.runFor(TTL_MS);
    expect(bench.seen).toHaveLength(4);
    expect(bench.errors).toHaveLength(3);
    await expect(bench.publish(publisher, 2)).rejects.toMatchObject({ name: 'StorageError', code: 'write-failed' });
    expect(bench.seen.map(({ object }) => versionOf(object))).toEqual([1, 1, 1, 1]);
  });

  it('BUS-09: starts with a full disk, publishes nothing before its epoch is stored, and then goes on above the last', async () => {
    const bench = new Bench();
    const before = bench.machine.start();
    const first = await bench.open(before);
    await bench.publish(first, 1);
    before.kill();
    bench.machine.disk.writeFailure = 'disk full';
    const restarted = await bench.open(bench.machine.start());
    expect([bench.errors.includes('epoch'), restarted.epoch < 0]).toEqual([true, true]);
    expect([...restarted.tracks()].map(({ writer }) => writer.newest?.group)).toEqual([bench.seen[0]!.group]);
    await expect(bench.publish(restarted, 2)).rejects.toMatchObject({ name: 'StorageError', code: 'write-failed' });
    expect(bench.seen).toHaveLength(1);
    bench.machine.disk.writeFailure = null;
    await bench.publish(restarted, 3);
    expect(restarted.epoch).toBeGreaterThan(first.epoch);
    expect([versionOf(bench.seen.at(-1)!.object), epochOf(bench.seen.at(-1)!.group)]).toEqual([3, restarted.epoch]);
  });

  it('BUS-27: a restarted publisher has the identical object, and renews it in its new epoch', async () => {
    const bench = new Bench();
    const before = bench.machine.start();
    await bench.publish(await bench.open(before), 1);
    const original = bench.seen[0];
    before.kill();
    await bench.world.runFor(5_000);
    const publisher = await bench.open(bench.machine.start());
    const [track] = publisher.tracks();
    expect(track?.writer.newest).toMatchObject({ group: original?.group, objects: [original?.object] });
    await bench.world.runFor(TTL_MS / 3);
    expect(bench.seen[1]?.atMs).toBeCloseTo(TTL_MS / 3, 3);
    expect(epochOf(bench.seen[1]?.group ?? 0)).toBe(publisher.epoch);
    expect(bench.seen[1]?.object.payload).toEqual(original?.object.payload);
  });

  it('BUS-21: a tombstone takes the place of a value, is renewed, and is kept for twice the longest TTL', async () => {
    const bench = new Bench();
    const publisher = await bench.open(bench.machine.start());
    await bench.publish(publisher, 1);
    await bench.settle(publisher.remove(organisationList, params, { version: 2, ttlMs: organisationList.ttlMsMax }));
    await bench.world.runFor(2 * organisationList.ttlMsMax - 1_000);
    expect([...publisher.tracks()]).toHaveLength(1);
    expect(bench.seen.length).toBeGreaterThan(6);
    for (const { object } of bench.seen.slice(1)) {
      expect(organisationList.decodeState(object.payload)).toMatchObject({ deleted: true, tombstone: { version: 2 } });
    }
    await bench.world.runFor(organisationList.ttlMsMax);
    expect([...publisher.tracks()]).toEqual([]);
    const again = await bench.publish(publisher, 3);
    expect(again.group).toBeGreaterThan(bench.seen.at(-2)?.group ?? Number.MAX_VALUE);
  });
});

describe('Publisher refusals', () => {
  it('BUS-28: what breaks schema, size, scope, TTL bounds or name is refused before it is committed', async () => {
    const bench = new Bench();
    const publisher = await bench.open(bench.machine.start(), {
      mayPublish: (name) => organisationList.params(name)?.org !== 'other',
    });
    const value = listOf(1);
    const refused = (promise: Promise<unknown>) =>
      bench.settle(
        promise.then(
          () => null,
          (error: unknown) => error,
        ),
      );
    const tooLarge = { ...organisationList, bytesMax: 10 };
    const bad = { ...value, version: -1 };
    const cases = [
      [publisher.publish(organisationList, params, bad), 'schema-invalid'],
      [publisher.publish(tooLarge, params, value), 'too-large'],
      [publisher.publish(organisationList, { org: 'other', list: 'x' }, value), 'out-of-scope'],
      [publisher.publish(organisationList, { org: '.hidden', list: 'x' }, value), 'name-invalid'],
      [publisher.publish(organisationList, params, value, { ttlMs: 1 }), 'ttl-out-of-range'],
      [publisher.publish(organisationList, params, value, { ttlMs: Number.NaN }), 'ttl-out-of-range'],
    ] as const;
    for (const [promise, code] of cases) expect(await refused(promise)).toMatchObject({ name: 'PublishError', code });
    expect(await refused(publisher.publish(organisationList, params, bad))).toMatchObject({
      message: expect.stringMatching(/^version is -1, expected/),
    });
    expect(bench.seen).toEqual([]);
    expect([...bench.machine.disk.snapshot().keys()]).toEqual(['publisher/epoch']);
  });
});

describe('Publisher maps', () => {
  const pop = { pop: 'ams1' };
  const ack = (group: number) => ({
    result: 'applied' as const,
    group,
    version: group,
    appliedWallMs: 1,
    entries: 1,
    reason: null,
  });

  it('BUS-13: snapshot plus deltas is the value, and a new group starts once the deltas outgrow the snapshot', async () => {
    const bench = new Bench();
    const publisher = await bench.open(bench.machine.start());
    const expected = new Map<string, number>();
    const rebuilt = new Map<string, number>();
    let groupBytes = 0;
    for (let step = 0; step < 3000; step++) {
      const key = `k${(step * 7919) % 400}`;
      const remove = step % 5 === 4 && expected.has(key);
      if (remove) expected.delete(key);
      else expected.set(key, step);
      const changes = remove ? { removed: [key] } : { set: new Map([[key, ack(step)]]) };
      await bench.settle(publisher.update(applied, pop, changes));
      const { object } = bench.seen.at(-1) as Seen;
      const content = applied.decodeObject(object.payload);
      expect(content.kind).toBe(object.object === 0 ? 'snapshot' : 'delta');
      groupBytes = object.object === 0 ? 0 : groupBytes + object.payload.length;
      expect(groupBytes).toBeLessThan(128 * 1024);
      if (content.kind === 'snapshot') rebuilt.clear();
      else for (const gone of content.removed) rebuilt.delete(gone);
      const set = content.kind === 'snapshot' ? content.entries : content.set;
      for (const [name, bytes] of set) rebuilt.set(name, applied.decode(bytes).group);
      if (content.kind === 'snapshot') expect(rebuilt).toEqual(expected);
    }
    expect(rebuilt).toEqual(expected);
    expect(new Set(bench.seen.map(({ group }) => group)).size).toBeGreaterThan(2);
  });

  it('BUS-49: a heartbeat is an empty delta, and a restart begins with a snapshot of all that was committed', async () => {
    const bench = new Bench();
    const before = bench.machine.start();
    const publisher = await bench.open(before);
    await bench.settle(publisher.update(applied, pop, { set: new Map([['a', ack(1)]]) }));
    await bench.settle(publisher.update(applied, pop, { set: new Map([['b', ack(2)]]) }));
    await bench.world.runFor(applied.ttlMs);
    const heartbeats = bench.seen.slice(2);
    expect(heartbeats).toHaveLength(4);
    for (const { object } of heartbeats) expect(applied.decodeObject(object.payload)).toMatchObject({ removed: [] });
    before.kill();
    const restarted = await bench.open(bench.machine.start());
    await bench.settle(restarted.update(applied, pop, { removed: ['a'] }));
    const last = bench.seen.at(-1) as Seen;
    expect(last.object.object).toBe(0);
    const content = applied.decodeObject(last.object.payload);
    expect(content.kind === 'snapshot' && [...content.entries.keys()]).toEqual(['b']);
    expect(last.group).toBeGreaterThan(heartbeats[0]?.group ?? 0);
  });
});
