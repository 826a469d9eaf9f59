import { apportion } from './apportion.js';
import { BalancingError } from './errors.js';
import { jenkinsHash } from './jenkins-hash.js';
import { type SlotTable, type WeightedMember, weightedMembers, weightNow } from './slot-table.js';

/** Sizes of Maglev tables: primes, so that every step visits all slots; the largest ones below powers of two, and 65,537. */
export const TABLE_SIZES = [251, 509, 1021, 2039, 4093, 8191, 16_381, 32_749, 65_521, 65_537, 131_071] as const;

/** Number of slots of a Maglev table. */
export type TableSize = (typeof TABLE_SIZES)[number];

/** Options of `buildMaglev`. */
export interface MaglevOptions {
  readonly size: TableSize;
  /** 32 bits, the same on all nodes of a service and over restarts: another seed is another mapping. */
  readonly seed: number;
}

/** Turns the seed of the offset into the seed of the step; an odd constant without structure. */
const STEP_SEED = 0x9e3779b1;

const FREE = 0xffff;

const encoder = new TextEncoder();

/** The size that keeps more than 100 slots per member, so that shares stay within 1 %: 4,093 up to 40 members. */
export function defaultTableSize(memberCount: number): TableSize {
  if (memberCount <= 40) return 4093;
  if (memberCount <= 160) return 16_381;
  return memberCount <= 655 ? 65_537 : 131_071;
}

/**
 * Builds a Maglev table (Eisenbud and others, NSDI 2016, section 3.4). Each member has its own permutation of the slots,
 * `(offset + turn * step) mod size`, and in its turns takes the first free slot in it. Offset and step come from
 * `jenkinsHash` over the name's UTF-8 bytes: `hash(name, seed) mod size` and `1 + hash(name, seed ^ 0x9e3779b1) mod
 * (size - 1)`. A member gets as many turns as its weight is due, spread evenly, so shares are exact: equal weights differ
 * by at most one slot, others are rounded to the next whole slot below or above, and at least one.
 *
 * Members below 100 percent take part in this in full, and then hand what they may not have to the others in further
 * turns. So a member that fails, drains or comes back moves no slot that another had from the start, and with all back the
 * table is what it was; only a change of the pool itself has the small disruption that the paper describes.
 *
 * The table depends on names, weights, percents, size and seed alone, not on the order of `members`.
 *
 * @throws BalancingError `TABLE_SIZE`, `SEED`, `TOO_MANY` (also: more members than slots), `NAME`, `DUPLICATE`, `WEIGHT`.
 */
export function buildMaglev(members: readonly WeightedMember[], { size, seed }: MaglevOptions): SlotTable {
  checkSize(size);
  checkSeed(seed);
  const pool = weightedMembers(members);
  if (pool.length > size) throw new BalancingError('TOO_MANY', 'members', pool.length, `at most ${size} slots`);
  const serving = pool.filter((member) => weightNow(member) > 0).map(({ name }) => name);
  if (serving.length === 0) return { members: [], slots: new Uint16Array() };
  const names = pool.map(({ name }) => name);
  const filling = { slots: new Uint16Array(size).fill(FREE), ...permutations(names, size, seed) };
  const weights = pool.map(({ weight }) => weight);
  takeTurns(filling, sharesOf(weights, size), size);
  if (pool.some(isReduced)) handOver(filling, pool, size);
  const positions = new Map(serving.map((name, index) => [name, index]));
  const indexes = Uint16Array.from(names, (name) => positions.get(name) ?? FREE);
  return { members: serving, slots: filling.slots.map((member) => indexes[member]!) };
}

/** @throws BalancingError `SEED` if it is not a whole number of 32 bits. */
export function checkSeed(seed: number): void {
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff) {
    throw new BalancingError('SEED', 'seed', seed, 'a whole number from 0 to 4294967295');
  }
}

function checkSize(size: number): void {
  if (!(TABLE_SIZES as readonly number[]).includes(size)) {
    throw new BalancingError('TABLE_SIZE', 'size', size, `one of ${TABLE_SIZES.join(', ')}`);
  }
}

interface Permutations {
  /** The slot that the member looks at next. */
  readonly next: Uint32Array;
  readonly step: Uint32Array;
}

interface Filling extends Permutations {
  /** The member per slot, or `FREE`. */
  readonly slots: Uint16Array<ArrayBuffer>;
}

function permutations(names: readonly string[], size: number, seed: number): Permutations {
  const next = new Uint32Array(names.length);
  const step = new Uint32Array(names.length);
  for (const [index, name] of names.entries()) {
    const bytes = encoder.encode(name);
    next[index] = jenkinsHash(bytes, seed) % size;
    step[index] = 1 + (jenkinsHash(bytes, (seed ^ STEP_SEED) >>> 0) % (size - 1));
  }
  return { next, step };
}

/** Shares of `size` slots; a weight of 0 has none. */
function sharesOf(weights: readonly number[], size: number): Uint32Array {
  const indexes = [...weights.keys()].filter((index) => weights[index]! > 0);
  const shares = new Uint32Array(weights.length);
  const parts = apportion(
    indexes.map((index) => weights[index]!),
    size,
  );
  for (const [position, index] of indexes.entries()) shares[index] = parts[position]!;
  return shares;
}

/** Rounds of turns until `count` slots are taken; in each, a member whose share is due takes one. */
function takeTurns({ slots, next, step }: Filling, shares: Uint32Array, count: number): void {
  const size = slots.length;
  const rounds = shares.reduce((a, b) => Math.max(a, b));
  const due = new Uint32Array(shares.length);
  for (let taken = 0; taken < count; ) {
    for (let member = 0; member < shares.length && taken < count; member++) {
      due[member]! += shares[member]!;
      if (due[member]! < rounds) continue;
      due[member]! -= rounds;
      let slot = next[member]!;
      const stride = step[member]!;
      while (slots[slot] !== FREE) slot = slot + stride < size ? slot + stride : slot + stride - size;
      slots[slot] = member;
      next[member] = slot;
      taken++;
    }
  }
}

/** Members below 100 percent keep their first slots, as many as they may have; the others take as many as they lack. */
function handOver({ slots, next, step }: Filling, pool: readonly WeightedMember[], size: number): void {
  const lacking = sharesOf(pool.map(weightNow), size);
  const reduced = pool.map(isReduced);
  let freed = 0;
  for (let slot = 0; slot < size; slot++) {
    const member = slots[slot]!;
    if (lacking[member]! > 0) lacking[member]!--;
    else if (reduced[member]) {
      slots[slot] = FREE;
      freed++;
    }
  }
  takeTurns({ slots, next, step }, lacking, freed);
}

function isReduced(member: WeightedMember): boolean {
  return weightNow(member) < 100 * member.weight;
}
