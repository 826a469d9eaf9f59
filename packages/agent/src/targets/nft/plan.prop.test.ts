import { parseIpSet } from '@higgins/ipdata';
import { Netlink } from '@higgins/netlink';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffIntervals, type Intervals, intervalsOf, packedIntervals, sameIntervals } from './intervals.js';
import type { ActualList, DesiredList, PerFamily, Sentinel, Slot, SlotContent } from './model.js';
import { namesOf } from './names.js';
import { BATCH_BYTES, INTERVAL_BYTES, planList } from './plan.js';

const SEED = 20_260_721;
const ID = 'office';
const prefix = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.constantFrom(24, 25, 28))
  .map(([third, length]) => `10.0.${third}.0/${length}`);
const prefix6 = fc.integer({ min: 0, max: 40 }).map((word) => `2001:db8:${word.toString(16)}::/48`);
const desired = fc
  .record({
    entries: fc.array(fc.oneof(prefix, prefix6), { maxLength: 60 }),
    deadlineBootMs: fc.option(fc.integer({ min: 0, max: 5_000 })),
    onExpiry: fc.constantFrom('open', 'closed', 'hold', 'unset'),
  })
  .map(({ entries, ...rest }): DesiredList => {
    const { ipv4, ipv6 } = parseIpSet(entries, { duplicates: 'drop' });
    return { ipv4: intervalsOf(ipv4), ipv6: intervalsOf(ipv6), ...rest };
  });

describe('planning against a model of the kernel', () => {
  it('BUS-89: reaches every desired state, and no batch ever shows packets anything but the old or the new list', () => {
    const steps = fc.array(fc.tuple(desired, fc.integer({ min: 0, max: 900 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(steps, fc.constantFrom(BATCH_BYTES + 200, BATCH_BYTES + 800, 1_000_000), (values, batchBytesMax) => {
        const kernel = new KernelModel();
        let nowBootMs = 0;
        for (const [value, pauseMs] of values) {
          nowBootMs += pauseMs;
          kernel.expire(nowBootMs);
          const old = kernel.enforced();
          for (let round = 0; ; round++) {
            expect(round).toBeLessThan(4);
            const operations = planList(value, kernel.actual(), nowBootMs, { id: ID, batchBytesMax });
            if (operations.length === 0) break;
            for (const { steps } of operations) {
              kernel.apply(steps, nowBootMs);
              expect([old, kernel.target(value, nowBootMs)]).toContain(kernel.enforced());
            }
          }
          expect(kernel.enforced()).toBe(kernel.target(value, nowBootMs));
        }
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('turns any set of intervals into any other', () => {
    fc.assert(
      fc.property(desired, desired, (before, after) => {
        const { removed, added } = diffIntervals(before.ipv4, after.ipv4);
        expect(sameIntervals(change(before.ipv4, removed, added), after.ipv4)).toBe(true);
      }),
      { seed: SEED },
    );
  });

  it('counts no fewer bytes than a batch has on the wire', () => {
    const netlink = new Netlink();
    for (const [keyBytes, count] of [
      [4, 1],
      [4, 9_000],
      [16, 1],
      [16, 9_000],
    ] as const) {
      const keys = new Uint8Array(keyBytes * 2 * count);
      const set = namesOf.set('a'.repeat(40), 6, 0);
      const step = { kind: 'add', set, keys, keyBytes, layout: 'interval' } as const;
      const bytes = netlink.encodedBytes({ family: 'inet', name: 'b'.repeat(31) }, [step]);
      expect(bytes).toBeLessThanOrEqual(BATCH_BYTES + count * INTERVAL_BYTES[keyBytes]);
    }
  });
});

/** What the kernel holds, as far as the planner is concerned. */
class KernelModel {
  #sets = new Map<string, Intervals>();
  #maps = new Map<string, PerFamily<Sentinel | null>>();
  #generation = 1;

  actual(): ActualList {
    const expiry = this.#map(namesOf.expiry(ID));
    return {
      generation: this.#generation,
      slots: [this.#slot(0), this.#slot(1)],
      sentinels: this.#map(namesOf.alive(ID)),
      expiryVerdicts: { ipv4: expiry.ipv4?.verdict ?? null, ipv6: expiry.ipv6?.verdict ?? null },
    };
  }

  apply(steps: ReturnType<typeof planList>[number]['steps'], nowBootMs: number): void {
    this.#generation++;
    for (const step of steps) {
      if (step.kind === 'flush') this.#sets.delete(step.set);
      else if (step.kind === 'verdicts') this.#setVerdicts(step.map, step.after, step.deadlineBootMs, nowBootMs);
      else {
        const none = packedIntervals(step.intervals.keyBytes, new Uint8Array());
        const before = this.#sets.get(step.set) ?? none;
        const [removed, added] = step.kind === 'delete' ? [step.intervals, none] : [none, step.intervals];
        this.#sets.set(step.set, change(before, removed, added));
      }
    }
  }

  expire(nowBootMs: number): void {
    const { ipv4 } = this.#map(namesOf.alive(ID));
    if (ipv4?.expiresBootMs != null && ipv4.expiresBootMs <= nowBootMs) this.#maps.delete(namesOf.alive(ID));
  }

  /** What packets meet, as text. */
  enforced(): string {
    const { sentinels, expiryVerdicts } = this.actual();
    return describeVerdict(sentinels.ipv4?.verdict ?? expiryVerdicts.ipv4, (slot) => this.#slot(slot));
  }

  /** What packets are to meet once a value is in force. */
  target(value: DesiredList, nowBootMs: number): string {
    const over = value.deadlineBootMs !== null && value.deadlineBootMs <= nowBootMs;
    if (!over || value.onExpiry === 'hold') return describeVerdict(`goto ${namesOf.live(ID, 0)}`, () => value);
    const verdict = { open: 'return', closed: `goto ${namesOf.closed(ID)}`, unset: null }[value.onExpiry];
    return describeVerdict(verdict, () => value);
  }

  #setVerdicts(map: string, after: string | null, deadlineBootMs: number | null, nowBootMs: number): void {
    const over = deadlineBootMs !== null && deadlineBootMs <= nowBootMs;
    const sentinel = after === null || over ? null : { verdict: after, expiresBootMs: deadlineBootMs, uncertainMs: 0 };
    this.#maps.set(map, { ipv4: sentinel, ipv6: sentinel });
  }

  #map(name: string): PerFamily<Sentinel | null> {
    return this.#maps.get(name) ?? { ipv4: null, ipv6: null };
  }

  #slot(slot: Slot): SlotContent {
    const set = (family: 4 | 6, keyBytes: 4 | 16) =>
      this.#sets.get(namesOf.set(ID, family, slot)) ?? packedIntervals(keyBytes, new Uint8Array());
    return { ipv4: set(4, 4), ipv6: set(6, 16) };
  }
}

function describeVerdict(verdict: string | null, slot: (slot: Slot) => SlotContent): string {
  const live = /_live_([01])$/.exec(verdict ?? '');
  if (!live) return `no list, ${verdict}`;
  const { ipv4, ipv6 } = slot(Number(live[1]) as Slot);
  return `${Buffer.from(ipv4.keys).toString('hex')} ${Buffer.from(ipv6.keys).toString('hex')}`;
}

/** Set arithmetic on whole intervals, by their text. */
function change(before: Intervals, removed: Intervals, added: Intervals): Intervals {
  const all = new Set(texts(before));
  for (const each of texts(removed)) if (!all.delete(each)) throw new Error(`${each} is not there`);
  for (const each of texts(added)) {
    if (all.has(each)) throw new Error(`${each} is there already`);
    all.add(each);
  }
  return packedIntervals(before.keyBytes, Buffer.from([...all].sort().join(''), 'hex'));
}

function texts({ keys, keyBytes, count }: Intervals): string[] {
  const hex = Buffer.from(keys).toString('hex');
  return Array.from({ length: count }, (_, index) => hex.slice(index * keyBytes * 4, (index + 1) * keyBytes * 4));
}
