import { encodeProperties, OBJECT_AGE_MS, type ReceivedObject, readProperties, type Vi64 } from '@higgins/protocol';
import {
  applied,
  encodeObjectProperties,
  encodeTrackProperties,
  organisationList,
  parseListEntries,
  publisherHeartbeat,
  registry,
} from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { storedValue } from '../stored-value.js';
import { DeadlineRule } from './deadline.js';
import { GROUPS_PER_EPOCH } from './epoch.js';
import { MapContent, ValueContent } from './track-content.js';
import { type FollowerEvent, TrackFollower } from './track-follower.js';

const name = organisationList.name({ org: 'acme', list: 'x' });
const TTL_MS = 60_000;

const payloadOf = (version: number, expiry: 'open' | 'closed' = 'open') =>
  organisationList.encode({
    owner: 'acme',
    version,
    createdWallMs: null,
    expiry,
    entries: parseListEntries(['192.0.2.1']),
  });

interface Sent {
  readonly group: Vi64;
  readonly version: number;
  readonly ttlMs?: number | null;
  readonly ageMs?: number;
  readonly publishTimeMs?: number;
  readonly payload?: Uint8Array;
}

function objectOf({ group, version, ttlMs = TTL_MS, ageMs, publishTimeMs = 0, payload }: Sent): ReceivedObject {
  const written = ttlMs === null ? new Uint8Array(0) : encodeObjectProperties({ ttlMs, publishTimeMs });
  const age = ageMs === undefined ? [] : [{ type: OBJECT_AGE_MS, value: ageMs }];
  return {
    group,
    object: 0,
    subgroup: 0,
    status: 'normal',
    priority: 128,
    properties: encodeProperties([...readProperties(written), ...age]),
    payload: payload ?? payloadOf(version),
  };
}

class Bench {
  readonly content = new ValueContent(organisationList);
  readonly rule = new DeadlineRule((writer, epoch) => this.follower.reconsider(writer, epoch));
  readonly follower = new TrackFollower(name, organisationList, this.content, this.rule, null);

  send(sent: Sent, live = true, nowBootMs = 1_000): FollowerEvent[] {
    this.follower.receive(objectOf(sent), live, nowBootMs);
    const events: FollowerEvent[] = [];
    for (let event = this.follower.next(); event !== undefined; event = this.follower.next()) events.push(event);
    return events;
  }

  at(nowBootMs: number) {
    return storedValue(organisationList, this.follower.held, this.content, nowBootMs, {
      connected: true,
      silent: false,
    });
  }
}

describe('TrackFollower', () => {
  it("BUS-42: an object without a TTL has the registry's default, one above the limit the limit", () => {
    const bench = new Bench();
    bench.send({ group: 1, version: 1, ttlMs: null });
    expect(bench.at(1_000)).toMatchObject({ ttlMs: organisationList.ttlMs, remainingMs: organisationList.ttlMs });
    bench.send({ group: 2, version: 2, ttlMs: Number.MAX_SAFE_INTEGER });
    expect(bench.at(1_000)?.ttlMs).toBe(organisationList.ttlMsMax);
  });

  it('BUS-11, BUS-10: what comes behind a newer object is dropped and counted, a zombie of an older epoch too', () => {
    const bench = new Bench();
    bench.send({ group: 5 * GROUPS_PER_EPOCH + 3, version: 5 });
    expect(bench.send({ group: 5 * GROUPS_PER_EPOCH + 2, version: 4 })).toEqual([{ kind: 'old' }]);
    expect(bench.send({ group: 4 * GROUPS_PER_EPOCH + 999, version: 9 })).toEqual([{ kind: 'old' }]);
    expect(bench.at(1_000)?.version).toBe(5);
    bench.send({ group: 6 * GROUPS_PER_EPOCH, version: 6 });
    expect(bench.at(1_000)?.version).toBe(6);
  });

  it('BUS-47: another copy of an object moves its deadline earlier or not at all', () => {
    const bench = new Bench();
    bench.send({ group: 1, version: 1, ageMs: 5_000 });
    expect(bench.at(1_000)?.remainingMs).toBe(TTL_MS - 5_000);
    expect(bench.send({ group: 1, version: 1 }, true, 2_000)).toEqual([]);
    expect(bench.send({ group: 1, version: 1 }, false, 9_000)).toEqual([]);
    expect(bench.at(9_000)?.deadlineBootMs).toBe(1_000 + TTL_MS - 5_000);
    expect(bench.send({ group: 1, version: 1, ageMs: 30_000 }, false, 9_000)).toMatchObject([
      { kind: 'held', newObject: false, changed: false },
    ]);
    expect(bench.at(9_000)?.deadlineBootMs).toBe(9_000 + TTL_MS - 30_000);
  });

  it('BUS-52: a value that was late before a fast one showed how late loses that time', () => {
    const bench = new Bench();
    bench.send({ group: 1, version: 1, publishTimeMs: 10_000 }, true, 8_000);
    expect(bench.at(8_000)?.deadlineBootMs).toBe(8_000 + TTL_MS);
    // The writer's next heartbeat arrives without that stall.
    bench.rule.sample(name.key, 0, 9_000, 14_000);
    expect(bench.at(9_000)?.deadlineBootMs).toBe(8_000 + TTL_MS - 3_000);
  });

  it('BUS-48: an object that is too old on arrival is held as expired, not as current', () => {
    const bench = new Bench();
    bench.send({ group: 1, version: 1, ageMs: TTL_MS });
    expect(bench.at(1_000)).toMatchObject({ freshness: 'expired', condition: 'expired', onExpiry: 'open' });
  });

  it('BUS-46: the value says itself what takes its place', () => {
    const bench = new Bench();
    bench.send({ group: 1, version: 1, payload: payloadOf(1, 'closed') });
    expect(bench.at(10 * TTL_MS)).toMatchObject({ freshness: 'expired', onExpiry: 'closed' });
  });

  it('BUS-18: refuses what breaks schema or numbers, and keeps what it has', () => {
    const bench = new Bench();
    bench.send({ group: 1, version: 1 });
    const refused = bench.send({ group: 2, version: 2, payload: Uint8Array.of(0xa0) });
    expect(refused).toMatchObject([{ kind: 'refused', refusal: { group: 2, object: 0, reason: expect.any(String) } }]);
    expect(bench.send({ group: 2n ** 60n, version: 2 })).toMatchObject([{ kind: 'refused' }]);
    expect(bench.at(1_000)).toMatchObject({ version: 1, group: 1 });
  });

  it('BUS-16: takes content format and writer from the track', () => {
    const bench = new Bench();
    bench.follower.describe(encodeTrackProperties({ shape: 'state', contentFormat: 'json', writerId: 'somebody' }));
    const value = organisationList.decode(payloadOf(4));
    bench.send({ group: 1, version: 0, payload: organisationList.encode(value, 'json') });
    expect(bench.at(1_000)?.version).toBe(4);
    expect(bench.follower.held).toMatchObject({ format: 'json', writerId: 'somebody' });
  });

  it.each(registry)('BUS-44: $id ends at its TTL and says what then', (row) => {
    const rule = new DeadlineRule();
    const { content, payload } = contentOf(row.id);
    const follower = new TrackFollower<unknown>(name, row, content, rule, null);
    follower.receive(objectOf({ group: 1, version: 0, ttlMs: null, payload }), true, 1_000);
    expect(follower.next()).toMatchObject({ kind: 'held', newObject: true });
    const at = (nowBootMs: number) =>
      storedValue<unknown>(row, follower.held, content, nowBootMs, { connected: true, silent: false });
    expect(at(1_000 + row.ttlMs - 1)?.freshness).toBe('stale');
    expect(at(1_000 + row.ttlMs)).toMatchObject({ freshness: 'expired', condition: 'expired' });
    expect(['open', 'closed', 'hold', 'unset']).toContain(at(1_000 + row.ttlMs)?.onExpiry);
  });
});

function contentOf(id: string) {
  if (id === applied.id) return { content: new MapContent(applied, null), payload: applied.encodeSnapshot(new Map()) };
  if (id === publisherHeartbeat.id) {
    const payload = publisherHeartbeat.encode({ instance: 'i', startedWallMs: 0, tracks: 0 });
    return { content: new ValueContent(publisherHeartbeat), payload };
  }
  return { content: new ValueContent(organisationList), payload: payloadOf(1) };
}
