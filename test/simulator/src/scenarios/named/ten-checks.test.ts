import { type NamedList, organisationList, parseListEntries } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { PUBLISHER, RELAYS } from '../../topologies/two-tiers.js';
import { BLOCKED, listOf, Stage } from './stage.fixture.js';
import { established, remainingMs, silence } from './two-tiers.fixture.js';

const DAY_MS = 24 * 3_600_000;

/**
 * Ten checks that tell a bus from a toy. Those that need a kernel or programs of others are end-to-end and interop tests
 * that carry `check N` in their titles; docs/simulation.md says where each one is.
 */
describe('ten checks', { timeout: 300_000 }, () => {
  it('check 4: a megabyte every 100 ms into a link of one megabit per second still completes versions', async () => {
    const stage = new Stage(4, { latencyMs: 20 }, false);
    stage.relay('edge');
    const publisher = await stage.participant('publisher', ['edge']);
    const follower = await stage.participant('follower', ['edge']);
    stage.simulation.network.configure('edge', 'follower', { bytesPerSecond: 125_000 });
    const followed = follower.follow();
    const { signal, bytes } = megabyteLists();
    expect(bytes).toBeGreaterThan(1_000_000);
    const versions = 300;
    for (let version = 1; version <= versions; version += 1) {
      await stage.settle(publisher.client.publish(signal, BLOCKED, listOf(version), { ttlMs: DAY_MS }));
      await stage.run(100);
    }
    // Half a minute has room for three and a half of them; the ones in between were never begun.
    const during = followed.versions();
    expect(during.length).toBeGreaterThanOrEqual(2);
    expect(during).toEqual(during.toSorted((left, right) => left - right));
    const lateMs = await stage.until('the last version', () => followed.now()?.version === FIRST + versions);
    // One that is under way, and the last one itself.
    expect(lateMs).toBeLessThan(2.5 * (bytes / 125));
  });

  it.each([
    ['above the edge, shorter than the idle time-out', 'origin', 'edge', 'both', 2000],
    ['above the edge', 'origin', 'edge', 'both', 30_000],
    ['above the edge, one way', 'origin', 'edge', 'left-to-right', 30_000],
    ['below the edge', 'edge', 'pop', 'both', 30_000],
    ['below the edge, one way', 'edge', 'pop', 'left-to-right', 30_000],
    ['at the publisher', 'publisher', 'origin', 'both', 30_000],
    ['at the publisher, one way', 'publisher', 'origin', 'left-to-right', 30_000],
  ] as const)('check 5: one update during a partition %s, then silence, and the edge converges', async (...row) => {
    const [, left, right, ways, durationMs] = row;
    const stage = new Stage(5);
    stage.relay('origin');
    stage.relay('edge', ['origin']);
    const publisher = await stage.participant('publisher', ['origin']);
    const pop = (await stage.participant('pop', ['edge'])).follow();
    await publisher.publishList(1, DAY_MS);
    await stage.until('the first version', () => pop.now()?.version === 1);
    const { network } = stage.simulation;
    if (ways === 'both') network.partition(left, right);
    else network.link(left, right).block();
    await stage.run(durationMs / 2);
    await publisher.publishList(2, DAY_MS);
    await stage.run(durationMs / 2);
    network.healAll();
    // Nobody will publish or renew anything for eight hours.
    await stage.until('the update', () => pop.now()?.version === 2, 25_000);
  });

  it('check 6: an agent that reboots with relays, publisher and store dead enforces what it had, until its time', async () => {
    const stage = await established();
    const { simulation, topology } = stage;
    const track = await silence(stage);
    for (const node of [PUBLISHER, ...RELAYS]) topology.node(node).crash();
    const kernel = topology.kernels.get('pop-1')!;
    const dueMs = simulation.world.nowMs + remainingMs(stage, 'pop-1', track);
    topology.node('pop-1').reboot();
    expect(kernel.inForce(track)).toBeNull();
    await simulation.run(simulation.world.nowMs + 1000);
    topology.node('pop-1').start();
    await simulation.run(simulation.world.nowMs + 500);
    expect(kernel.inForce(track)?.version).toBe(topology.author.version(track));
    await simulation.run(dueMs - 50);
    expect(kernel.inForce(track)).not.toBeNull();
    await simulation.run(dueMs + 50);
    expect(kernel.inForce(track)).toBeNull();
  });

  it("check 7, as far as there is a store: a publisher whose disk is yesterday's again has its next commit taken", async () => {
    const stage = new Stage(7, { latencyMs: 10 }, false);
    stage.relay('edge');
    const publisher = await stage.participant('publisher', ['edge']);
    const followed = (await stage.participant('pop', ['edge'])).follow();
    await publisher.publishList(1, DAY_MS);
    const { node } = publisher;
    const yesterday = node.machine.disk.snapshot();
    for (let version = 2; version <= 5; version += 1) await publisher.publishList(version, DAY_MS);
    await stage.until('version 5', () => followed.now()?.version === 5);
    node.crash();
    node.machine.disk.restore(yesterday);
    node.start();
    await stage.until('the publisher is up', () => publisher.up);
    await stage.run(5000);
    await publisher.publishList(6, DAY_MS);
    await stage.until('the next commit', () => followed.now()?.version === 6, 15_000);
    // What the store says is the truth, yesterday's value too: as newer groups, never by going back.
    const groups = followed.told.map(({ update }) => update.current?.group ?? Number.NaN);
    expect(groups).toEqual(groups.toSorted((left, right) => left - right));
  });
});

/** Where the versions of large lists begin: beyond it each takes the same bytes. */
const FIRST = 1_000_000;

/** A signal that writes every version as a list of a megabyte, which is encoded once: the link is to be busy, not the test. */
function megabyteLists(): { readonly signal: typeof organisationList; readonly bytes: number } {
  const prefixes = Array.from({ length: 62_000 }, (_, index) => `2001:db8:${spread(index)}::1`);
  const entries = parseListEntries(prefixes);
  const [one, other] = [0, 1].map((add) => organisationList.encode({ ...listOf(FIRST + add), entries }));
  const versionAt = one!.findIndex((byte, index) => byte !== other![index]) - 3;
  const encode = ({ version }: NamedList) => {
    const payload = one!.slice();
    new DataView(payload.buffer).setUint32(versionAt, FIRST + version);
    return payload;
  };
  return { signal: { ...organisationList, encode }, bytes: one!.length };
}

/** Two hexadecimal groups that do not repeat and do not lie side by side. */
function spread(index: number): string {
  const mixed = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  return `${(mixed >>> 16).toString(16)}:${(mixed & 0xffff).toString(16)}`;
}
