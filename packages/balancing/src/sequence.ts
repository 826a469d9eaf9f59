import { apportion } from './apportion.js';
import { BalancingError } from './errors.js';
import { MEMBERS_MAX, SEQUENCE_SLOTS_MAX } from './limits.js';
import { type SlotTable, type WeightedMember, weightedMembers, weightNow } from './slot-table.js';

/** Pools up to this size get sequences whose length does not change when members go out: 2,520 slots at most. */
const STEADY_MEMBERS_MAX = 10;

/**
 * A table to be read slot by slot, in turn: shares equal the weights exactly in each pass, and a member's turns are spread
 * evenly over it. Members of 0 percent are left out.
 *
 * The length is the sum of the weights without their common factor. If all weights of a pool of up to 10 are equal, it is
 * the least common multiple of 1 to the pool's size instead: the same whichever members are out, so that only elements
 * change in the kernel and not the rule. There, while a member comes back, and beyond 65,536 slots shares are rounded.
 *
 * @throws BalancingError `TOO_MANY`, `NAME`, `DUPLICATE` or `WEIGHT`.
 */
export function buildSequence(members: readonly WeightedMember[]): SlotTable {
  const pool = weightedMembers(members);
  const serving = pool.filter((member) => weightNow(member) > 0);
  if (serving.length === 0) return { members: [], slots: new Uint16Array() };
  return interleave(serving, sequenceSize(pool, serving));
}

/**
 * A table of `size` slots to be read in turn or at random, with shares as close to the weights as slots allow and at least
 * one slot each. For weights that are sampled again and again, as the size stays.
 *
 * @throws BalancingError as `buildSequence`; `TABLE_SIZE` if `size` is not a whole number from 1,024 to 65,536.
 */
export function buildSampled(members: readonly WeightedMember[], size: number): SlotTable {
  if (!Number.isInteger(size) || size < MEMBERS_MAX || size > SEQUENCE_SLOTS_MAX) {
    throw new BalancingError('TABLE_SIZE', 'size', size, `a whole number from ${MEMBERS_MAX} to ${SEQUENCE_SLOTS_MAX}`);
  }
  const serving = weightedMembers(members).filter((member) => weightNow(member) > 0);
  if (serving.length === 0) return { members: [], slots: new Uint16Array() };
  return interleave(serving, size);
}

function sequenceSize(pool: readonly WeightedMember[], serving: readonly WeightedMember[]): number {
  const weights = serving.map(weightNow);
  const equal = pool.every(({ weight }) => weight === pool[0]!.weight);
  if (equal && pool.length <= STEADY_MEMBERS_MAX) return leastCommonMultiple(pool.length);
  const factor = weights.reduce(greatestCommonDivisor);
  return Math.min(weights.reduce((sum, weight) => sum + weight, 0) / factor, SEQUENCE_SLOTS_MAX);
}

/** Puts the k-th of a member's n turns at (k + 1/2) / n of the whole, and orders all turns by place. */
function interleave(serving: readonly WeightedMember[], size: number): SlotTable {
  const shares = apportion(serving.map(weightNow), size);
  const owners = new Uint16Array(size);
  const places = new Float64Array(size);
  let turn = 0;
  for (const [member, share] of shares.entries()) {
    for (let index = 0; index < share; index++, turn++) {
      owners[turn] = member;
      places[turn] = (index + 0.5) / share;
    }
  }
  const order = Uint32Array.from({ length: size }, (_, index) => index);
  order.sort((a, b) => places[a]! - places[b]! || owners[a]! - owners[b]!);
  return { members: serving.map(({ name }) => name), slots: Uint16Array.from(order, (index) => owners[index]!) };
}

function leastCommonMultiple(last: number): number {
  let multiple = 1;
  for (let factor = 2; factor <= last; factor++) multiple *= factor / greatestCommonDivisor(multiple, factor);
  return multiple;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
