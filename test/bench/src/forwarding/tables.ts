import {
  buildMaglev,
  FIVE_TUPLE_KEY,
  type Flow,
  FlowPredictor,
  jenkinsHash,
  reciprocalScale,
  type SlotTable,
  type TableSize,
  type WeightedMember,
} from '@higgins/balancing';
import type { Outcome } from '../harness/benchmark.js';
import { median } from '../harness/statistics.js';

const SIZES: readonly TableSize[] = [4_093, 16_381, 65_537];
const POOLS = [5, 50];
const SEED = 0x5eed0001;
const FLOWS = 200_000;
const BUILDS = 21;

/** What a table costs, and what its changes cost the flows. */
export function measureTables(): readonly Outcome[] {
  return [...SIZES.flatMap((size) => POOLS.map((count) => ofMaglev(size, count))), ...POOLS.map(ofNftlb)];
}

function ofMaglev(size: TableSize, count: number): Outcome {
  const pool = Array.from({ length: count }, (_, index): WeightedMember => ({ name: `member-${index}`, weight: 1 }));
  const build = (members: readonly WeightedMember[]) => buildMaglev(members, { size, seed: SEED });
  const times = Array.from({ length: BUILDS }, () => {
    const startedMs = performance.now();
    build(pool);
    return performance.now() - startedMs;
  });
  const all = build(pool);
  const failed = build(pool.map((member, index) => ({ ...member, sharePercent: index === 1 ? 0 : 100 })));
  const removed = build(pool.filter((_, index) => index !== 1));
  const elsewhere = build(pool.filter((_, index) => index !== 1).reverse());
  const slots = flows().map(slotIn(size));
  return {
    parameters: { slots: size, members: count },
    figures: {
      'table, median': { value: median(times), unit: 'ms' },
      'table, in memory': { value: all.slots.byteLength, unit: 'bytes' },
      'flows moved when a member fails': { value: moved(slots, all, failed, 'member-1'), unit: '%' },
      'flows moved when a member leaves the pool': { value: moved(slots, all, removed, 'member-1'), unit: '%' },
      'flows that another node sends elsewhere': { value: moved(slots, removed, elsewhere, null), unit: '%' },
    },
  };
}

/** nftlb hashes onto as many slots as there are backends, with a seed that the kernel draws whenever rules are loaded. */
function ofNftlb(count: number): Outcome {
  const keys = flows().map(({ sourceAddress, sourcePort }) =>
    Uint8Array.of(...sourceAddress, sourcePort >> 8, sourcePort & 0xff, 0, 0),
  );
  const share = (seedAfter: number) => {
    const pairs = keys.map((key) => [
      reciprocalScale(jenkinsHash(key, SEED), count),
      reciprocalScale(jenkinsHash(key, seedAfter), count - 1),
    ]);
    const surviving = pairs.filter(([before]) => before !== 1);
    return percent(
      surviving.filter(([before, after]) => before !== (after! < 1 ? after : after! + 1)).length,
      surviving.length,
    );
  };
  return {
    parameters: { balancer: 'nftlb', members: count },
    figures: {
      'flows moved when a member fails': { value: share(SEED + 1), unit: '%' },
      'the same if the seed stayed': { value: share(SEED), unit: '%' },
    },
  };
}

function moved(slots: readonly number[], before: SlotTable, after: SlotTable, gone: string | null): number {
  const pairs = slots.map((slot) => [before.members[before.slots[slot]!], after.members[after.slots[slot]!]]);
  const surviving = pairs.filter(([member]) => member !== gone);
  return percent(surviving.filter(([from, to]) => from !== to).length, surviving.length);
}

function slotIn(size: TableSize): (flow: Flow) => number {
  const predictor = new FlowPredictor({ kind: 'hash', key: FIVE_TUPLE_KEY, seed: SEED, size });
  return (flow) => predictor.slotOf(flow);
}

function flows(): Flow[] {
  return Array.from({ length: FLOWS }, (_, index) => ({
    protocol: 'tcp' as const,
    sourceAddress: Uint8Array.of(10, index >> 16, index >> 8, index),
    destinationAddress: Uint8Array.of(192, 0, 2, 1),
    sourcePort: 1024 + (jenkinsHash(Uint8Array.of(index, index >> 8, index >> 16), 0) % 60_000),
    destinationPort: 443,
  }));
}

function percent(part: number, whole: number): number {
  return (100 * part) / whole;
}
