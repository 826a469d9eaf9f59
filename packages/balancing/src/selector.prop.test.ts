import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowPredictor } from './prediction.js';
import { connectionWeights, latencyWeights, smoothLatency } from './sampled-weights.js';
import {
  SAMPLED_TABLE_SIZE,
  type SelectableMember,
  type Selection,
  type SelectionOptions,
  select,
} from './selector.js';
import { changedSlots, memberAt, slotCounts } from './slot-table.js';

const RUNS = { numRuns: 200, seed: 20261121 };

const pool = (...weights: number[]): SelectableMember[] =>
  weights.map((weight, index) => ({ name: `upstream-${index}`, weight }));
const choose = (
  members: SelectableMember[],
  algorithm: SelectionOptions['algorithm'],
  more: Partial<SelectionOptions> = {},
) => select(members, { algorithm, seed: 7, ...more });
/** Members by turn for `count` connections in a row, as `numgen inc` reads the table. */
const inTurn = ({ table }: Selection, count: number): string[] =>
  Array.from({ length: count }, (_, turn) => memberAt(table, turn % table.slots.length)!);
const countOf = (names: readonly string[], name: string): number => names.filter((other) => other === name).length;
const weights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 12 });

describe('round robin', () => {
  it('L4-19, LOB-10: 9,000 connections over 3 members are 3,000 each, and 6 go to each in turn', () => {
    const selection = choose(pool(1, 1, 1), 'round-robin');
    const names = ['upstream-0', 'upstream-1', 'upstream-2'];
    expect(inTurn(selection, 6)).toEqual([...names, ...names]);
    expect(names.map((name) => countOf(inTurn(selection, 9_000), name))).toEqual([3_000, 3_000, 3_000]);
  });

  it('L4-19: any number of connections differs by at most one between equal members', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 3_000 }), (size, count) => {
        const members = pool(...Array.from({ length: size }, () => 5));
        const names = inTurn(choose(members, 'round-robin'), count);
        const counts = members.map(({ name }) => countOf(names, name));
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
      RUNS,
    );
  });

  it('keeps its length while members of a pool of up to 10 are out, and stays exact', () => {
    for (let size = 1; size <= 10; size++) {
      const members = pool(...Array.from({ length: size }, () => 1));
      const length = choose(members, 'round-robin').choice.size;
      for (let out = 1; out < size; out++) {
        const less = choose(
          members.map((member, index) => ({ ...member, sharePercent: index < out ? 0 : 100 })),
          'round-robin',
        );
        expect(less.choice.size).toBe(length);
        expect(new Set(slotCounts(less.table)).size).toBe(1);
      }
    }
  });
});

describe('weighted round robin', () => {
  it('L4-20: shares equal the weights exactly in each pass, without a common factor', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 5 }), (own, factor) => {
        const { table } = choose(pool(...own.map((weight) => weight * factor)), 'weighted-round-robin');
        const counts = slotCounts(table);
        for (const [index, name] of table.members.entries()) {
          const weight = own[Number(name.slice('upstream-'.length))]!;
          expect(counts[index]! * own.reduce((a, b) => a + b)).toBe(weight * table.slots.length);
        }
      }),
      RUNS,
    );
    expect(choose(pool(70, 30), 'weighted-round-robin').choice).toEqual({ kind: 'turn', size: 10 });
  });

  it('L4-20: no run is longer than the weight of one member over that of the next largest', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 8 }), (own) => {
        const selection = choose(pool(...own), 'weighted-round-robin');
        const [largest, next] = [...own].sort((a, b) => b - a);
        const names = inTurn(selection, 2 * selection.choice.size);
        let run = 0;
        const runs = names.map((name, index) => {
          run = name === names[index - 1] ? run + 1 : 1;
          return run;
        });
        expect(Math.max(...runs)).toBeLessThanOrEqual(Math.ceil(largest! / next!));
      }),
      RUNS,
    );
  });

  it('L4-20: after any number of connections each member has its share, but for half a turn of every member', () => {
    fc.assert(
      fc.property(weights, (own) => {
        const selection = choose(pool(...own), 'weighted-round-robin');
        const sum = own.reduce((a, b) => a + b);
        const counts = own.map(() => 0);
        const lags = inTurn(selection, selection.choice.size).flatMap((name, index) => {
          counts[Number(name.slice('upstream-'.length))]!++;
          return own.map((weight, member) => {
            const lag = ((index + 1) * weight) / sum - counts[member]!;
            return Math.abs(lag) - 0.5 - (weight / sum) * (own.length / 2);
          });
        });
        expect(lags.reduce((left, right) => Math.max(left, right))).toBeLessThan(1e-9);
      }),
      RUNS,
    );
  });

  it('LOB-53: 1:2:7, and 1:2:3:4:10 over 20,000 connections', () => {
    const counts = (own: number[], total: number) => {
      const members = pool(...own);
      const names = inTurn(choose(members, 'weighted-round-robin'), total);
      return members.map(({ name }) => countOf(names, name));
    };
    expect(counts([1, 2, 7], 1_000)).toEqual([100, 200, 700]);
    expect(counts([1, 2, 3, 4, 10], 20_000)).toEqual([1_000, 2_000, 3_000, 4_000, 10_000]);
  });

  it('has the length of the weights that serve, where weights differ', () => {
    const [one, two, three] = pool(1, 1, 2);
    expect(choose([one!, two!, three!], 'weighted-round-robin').choice.size).toBe(4);
    expect(choose([one!, two!, { ...three!, sharePercent: 0 }], 'weighted-round-robin').choice.size).toBe(2);
  });

  it('rounds shares where the weights need more than 65,536 slots', () => {
    const { table, choice } = choose(pool(65_535, 65_534, 1), 'weighted-round-robin');
    expect(choice.size).toBe(65_536);
    expect([...slotCounts(table)]).toEqual([32_768, 32_767, 1]);
  });
});

describe('least connections', () => {
  it('L4-21: with 100 connections held by one of three, it gets at most 10 of the next 100', () => {
    const [held, ...free] = pool(1, 1, 1);
    const selection = choose([{ ...held!, connections: 100 }, ...free], 'least-connections', { arrivalsExpected: 100 });
    for (let start = 0; start < SAMPLED_TABLE_SIZE; start += 100) {
      const next = Array.from(
        { length: 100 },
        (_, turn) => memberAt(selection.table, (start + turn) % SAMPLED_TABLE_SIZE)!,
      );
      expect(countOf(next, held!.name)).toBeLessThanOrEqual(1);
    }
  });

  it('gives the next connections to the emptiest members first, up to one level', () => {
    const samples = [0, 10, 100].map((connections) => ({ name: `open-${connections}`, weight: 1, connections }));
    expect([...connectionWeights(samples, 20).values()]).toEqual([750, 250, 1]);
    const weighted = samples.map((sample, index) => ({ ...sample, weight: [1, 4, 1][index]! }));
    expect([...connectionWeights(weighted, 40).values()]).toEqual([250, 750, 1]);
    expect([...connectionWeights(samples, 0).values()]).toEqual([1_000, 1, 1]);
  });

  it('levels open connections per weight from any start', () => {
    const loads = fc.array(fc.tuple(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 0, max: 2_000 })), {
      minLength: 2,
      maxLength: 8,
    });
    fc.assert(
      fc.property(loads, (start) => {
        const members = start.map(([weight, connections], index) => ({ name: `m${index}`, weight, connections }));
        for (let second = 0; second < 300; second++) {
          const shares = connectionWeights(members, 1_000);
          const sum = [...shares.values()].reduce((a, b) => a + b);
          for (const member of members) member.connections += (1_000 * shares.get(member.name)!) / sum;
        }
        const levels = members.map(({ weight, connections }) => connections / weight);
        const mean = levels.reduce((a, b) => a + b) / levels.length;
        for (const level of levels) expect(Math.abs(level - mean) / mean).toBeLessThan(0.1);
      }),
      RUNS,
    );
  });

  it('keeps the table size, so that only elements change', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 10_000 }), { minLength: 1, maxLength: 40 }), (connections) => {
        const members = connections.map((count, index) => ({ name: `m${index}`, weight: 1, connections: count }));
        const { table, choice } = choose(members, 'least-connections');
        expect([table.slots.length, choice.size]).toEqual([SAMPLED_TABLE_SIZE, SAMPLED_TABLE_SIZE]);
        expect(Math.min(...slotCounts(table))).toBeGreaterThanOrEqual(1);
      }),
      RUNS,
    );
  });
});

describe('least latency', () => {
  const fast = { name: 'fast', weight: 1, latencyMs: 10 };
  const slow = { name: 'slow', weight: 1, latencyMs: 100 };

  it('LOB-55: prefers 10 ms over 100 ms, and turns round when they swap', () => {
    let weighed = latencyWeights([fast, slow]);
    expect([weighed.get('fast'), weighed.get('slow')]).toEqual([909, 91]);
    const swapped = [
      { ...fast, latencyMs: 100 },
      { ...slow, latencyMs: 10 },
    ];
    for (let interval = 0; interval < 30; interval++) {
      const next = latencyWeights(swapped, weighed);
      for (const [name, weight] of next) {
        const before = weighed.get(name)!;
        expect(Math.abs(weight - before)).toBeLessThanOrEqual(Math.max(1, before * 0.2));
      }
      weighed = next;
    }
    expect([weighed.get('fast'), weighed.get('slow')]).toEqual([91, 909]);
  });

  it('counts an unknown latency as the mean, and smooths samples', () => {
    const weighed = latencyWeights([
      { ...fast, latencyMs: 20 },
      { ...slow, latencyMs: 20 },
      { name: 'new', weight: 1, latencyMs: null },
    ]);
    expect([...weighed.values()]).toEqual([333, 333, 333]);
    expect(smoothLatency(null, 8)).toBe(8);
    expect(smoothLatency(8, 16)).toBe(10);
  });

  it('never gives less than one slot', () => {
    const { table } = choose([fast, { ...slow, latencyMs: 1e9 }], 'least-latency');
    expect(Math.min(...slotCounts(table))).toBeGreaterThanOrEqual(1);
  });
});

describe('hashed algorithms', () => {
  it('LOB-54, L4-22: source hash moves no client but those of the member that goes', () => {
    const members = pool(1, 1, 1, 1, 1);
    const before = choose(members, 'source-hash');
    const after = choose(
      members.map((member, index) => ({ ...member, sharePercent: index === 2 ? 0 : 100 })),
      'source-hash',
    );
    const moved = [...changedSlots(before.table, after.table)];
    expect(moved.every((slot) => memberAt(before.table, slot) === 'upstream-2')).toBe(true);
    expect(moved.length / before.choice.size).toBeCloseTo(0.2, 3);
    expect(before.choice).toEqual({ kind: 'hash', key: { fields: ['source-address'] }, seed: 7, size: 4093 });
  });

  it('L4-23, LOB-52: random is uniform by weight over 20,000 connections, whatever their order', () => {
    const members = pool(1, 1, 2);
    const { table, choice } = choose(members, 'random');
    if (choice.kind !== 'hash') throw new Error('random is chosen by hash');
    const predictor = new FlowPredictor(choice);
    const served = new Map<string, number>();
    // A client that counts its ports up, from addresses in a row: as far from random as clients get.
    for (let index = 0; index < 20_000; index++) {
      const flow = {
        protocol: 'tcp',
        sourceAddress: Uint8Array.of(198, 51, 100, index % 20),
        destinationAddress: Uint8Array.of(192, 0, 2, 1),
        sourcePort: 32_768 + Math.floor(index / 20),
        destinationPort: 443,
      } as const;
      const name = predictor.memberOf(flow, table)!;
      served.set(name, (served.get(name) ?? 0) + 1);
    }
    const chiSquare = members.reduce((sum, { name, weight }) => {
      const expected = (20_000 * weight) / 4;
      return sum + ((served.get(name) ?? 0) - expected) ** 2 / expected;
    }, 0);
    // Two degrees of freedom: p = 0.01.
    expect(chiSquare).toBeLessThan(9.21);
  });

  it('random and maglev are one table; hashed ones are safe to fail over, the others are not', () => {
    const members = pool(1, 2);
    expect(choose(members, 'random')).toEqual(choose(members, 'maglev'));
    const safe = (
      ['maglev', 'random', 'source-hash', 'round-robin', 'least-connections', 'least-latency'] as const
    ).map((algorithm) => choose(members, algorithm).failoverSafe);
    expect(safe).toEqual([true, true, true, false, false, false]);
  });
});

it.each([
  'maglev',
  'source-hash',
  'round-robin',
  'weighted-round-robin',
  'least-connections',
  'least-latency',
] as const)('%s has no slots when every member is out or has no weight', (algorithm) => {
  const { table } = choose(
    [
      { name: 'a', weight: 1, sharePercent: 0 },
      { name: 'b', weight: 0 },
    ],
    algorithm,
  );
  expect(table).toEqual({ members: [], slots: new Uint16Array() });
});
