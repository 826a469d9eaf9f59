import { VI64_MAX } from '@higgins/protocol';
import { expect, it } from 'vitest';
import { TimerWheel } from '../timer-wheel.js';
import { CacheBudget } from './budget.js';
import type { CachedObject } from './cached-object.js';
import { TrackCache } from './track-cache.js';

function object(group: number, id: number, options: Partial<CachedObject> = {}): CachedObject {
  return {
    ...{ group, object: id, subgroup: 0, status: 'normal', priority: 128 },
    properties: new Uint8Array(0),
    payload: new TextEncoder().encode(`${group}/${id}`),
    receivedMs: 0,
    expiresMs: Number.POSITIVE_INFINITY,
    ...options,
  };
}

function cacheOf(
  options: {
    byNewest?: boolean;
    newestIsState?: boolean;
    historyInUse?: boolean;
    bytesMax?: number;
    historyBytesMax?: number;
  } = {},
) {
  const timers = new TimerWheel(0);
  const budget = new CacheBudget(options.bytesMax ?? 1e6);
  const evicted: string[] = [];
  const cache = new TrackCache({
    budget,
    timers,
    historyBytesMax: options.historyBytesMax ?? 1e6,
    historyMs: 10_000,
    groupLivesByNewest: () => options.byNewest ?? false,
    newestIsState: () => options.newestIsState ?? false,
    historyInUse: () => options.historyInUse ?? false,
    onEvicted: ({ group }, expired) => evicted.push(`${group} ${expired ? 'expired' : 'evicted'}`),
  });
  return { cache, timers, budget, evicted };
}

it('tells what is new, the same, or a contradiction', () => {
  const { cache } = cacheOf();
  cache.insert(object(1, 0));
  expect(cache.probe(object(1, 1))).toBe('added');
  expect(cache.probe(object(1, 0))).toBe('duplicate');
  expect(cache.probe(object(1, 0, { properties: Uint8Array.of(1) }))).toBe('duplicate');
  for (const other of [{ payload: Uint8Array.of(1) }, { priority: 1 }, { subgroup: 1 }, { subgroup: null }]) {
    expect(cache.probe(object(1, 0, other))).toBe('conflict');
  }
  cache.endGroup(1, 0, 0);
  expect(cache.probe(object(1, 1))).toBe('conflict');
});

it('keeps groups and objects in order, however they come', () => {
  const { cache } = cacheOf();
  for (const [group, id] of [
    [3, 1],
    [1, 0],
    [3, 0],
    [2, 5],
    [2, 2],
  ] as const)
    cache.insert(object(group, id));
  const places = [];
  for (
    let next = cache.next({ group: 0, object: 0 });
    next !== null;
    next = cache.next({ group: next.group, object: Number(next.object) + 1 })
  ) {
    places.push(`${next.group}/${next.object}`);
  }
  expect(places).toEqual(['1/0', '2/2', '2/5', '3/0', '3/1']);
});

it('makes older groups history when a newer one is complete, and not before', () => {
  const { cache, timers, evicted } = cacheOf();
  cache.insert(object(1, 0));
  cache.endGroup(1, 0, 0);
  cache.insert(object(2, 0));
  timers.advance(60_000);
  expect(evicted).toEqual([]);
  cache.endGroup(2, 0, 60_000);
  timers.advance(69_999);
  expect(evicted).toEqual([]);
  timers.advance(70_000);
  expect(evicted).toEqual(['1 evicted']);
  expect(cache.known.at({ group: 1, object: 0 })).toBeNull();
  expect(cache.known.covers({ group: 2, object: 0 }, { group: 2, object: VI64_MAX })).toBe(true);
});

it('lets a group live as long as its last object, or as its newest on a map', () => {
  for (const [byNewest, expected] of [
    [false, 5_000],
    [true, 2_000],
  ] as const) {
    const { cache, timers, evicted } = cacheOf({ byNewest });
    cache.insert(object(1, 0, { expiresMs: 5_000 }));
    cache.insert(object(1, 1, { expiresMs: 2_000 }));
    timers.advance(expected - 1);
    expect(evicted).toEqual([]);
    timers.advance(expected);
    expect(evicted).toEqual(['1 expired']);
  }
});

it('gives way by history first, then by the longest held, and never keeps what does not fit', () => {
  const { cache, budget, evicted } = cacheOf({ bytesMax: 3_000 });
  const payload = new Uint8Array(500);
  for (const group of [1, 2, 3]) {
    cache.insert(object(group, 0, { payload }));
    if (group < 3) cache.endGroup(group, 0, 0);
  }
  expect(budget.bytes).toBe(3 * 756);
  cache.insert(object(4, 0, { payload }));
  expect(evicted).toEqual(['1 evicted']);
  cache.insert(object(5, 0, { payload }));
  expect(evicted).toEqual(['1 evicted', '2 evicted']);
  cache.insert(object(6, 0, { payload: new Uint8Array(4_000) }));
  expect(cache.group(6)).toBeNull();
  expect(budget.bytes).toBe(cache.bytes);
  cache.clear();
  expect([budget.bytes, budget.objects, cache.empty]).toEqual([0, 0, true]);
});

it('BUS-48: where the newest group is the state, no older one outlives it', () => {
  for (const [newestIsState, left] of [
    [true, []],
    [false, [1]],
  ] as const) {
    const { cache, timers } = cacheOf({ newestIsState });
    cache.insert(object(1, 0, { expiresMs: 60_000 }));
    cache.insert(object(2, 0, { expiresMs: 1_000 }));
    timers.advance(1_000);
    expect(cache.groups.map(({ group }) => group)).toEqual(left);
  }
});
