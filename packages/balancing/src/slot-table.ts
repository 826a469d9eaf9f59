import { BalancingError } from './errors.js';
import { MEMBERS_MAX, NAME_CHARACTERS_MAX, WEIGHT_MAX } from './limits.js';

/** A member of a pool as the selectors see it. */
export interface WeightedMember {
  /** Unique in the pool, 1 to 253 characters; the mapping of flows depends on names, never on positions. */
  readonly name: string;
  /** 0 to 65,535, whole; relative to the other members. A member of weight 0 gets no slot. */
  readonly weight: number;
  /**
   * How much of its weight the member has for now, whole percent: 0 while it is out, because it failed or drains; 100 is
   * the default; between them while it comes back.
   */
  readonly sharePercent?: number;
}

/** Which member serves each slot: the shape that a slot map in the kernel has, whatever chose the slot. */
export interface SlotTable {
  /** Names of the members that have slots, in the order that `slots` refers to. */
  readonly members: readonly string[];
  /** Index into `members` per slot; empty if there is no member. Owned by the table: read only. */
  readonly slots: Uint16Array<ArrayBuffer>;
}

/** The member's name at `slot`, null if the table is empty. */
export function memberAt(table: SlotTable, slot: number): string | null {
  return table.members[table.slots[slot] ?? -1] ?? null;
}

/** Slots per member, in the order of `table.members`. */
export function slotCounts(table: SlotTable): Uint32Array<ArrayBuffer> {
  const counts = new Uint32Array(table.members.length);
  for (const member of table.slots) counts[member]!++;
  return counts;
}

/**
 * The slots of `after` whose member is another than in `before`, ascending: the elements to patch. Slots that only one of
 * the tables has count as changed.
 */
export function changedSlots(before: SlotTable, after: SlotTable): Uint32Array<ArrayBuffer> {
  const positions = new Map(before.members.map((name, index) => [name, index]));
  const sameAs = Int32Array.from(after.members, (name) => positions.get(name) ?? -1);
  const size = Math.max(before.slots.length, after.slots.length);
  const changed = new Uint32Array(size);
  let count = 0;
  for (let slot = 0; slot < size; slot++) {
    const now = after.slots[slot];
    if (now === undefined || sameAs[now] !== before.slots[slot]) changed[count++] = slot;
  }
  return changed.slice(0, count);
}

/**
 * The members with a weight, sorted by name (UTF-16 code units), so that the order of a configuration never moves a flow.
 *
 * @throws BalancingError `TOO_MANY`, `NAME`, `DUPLICATE` or `WEIGHT`.
 */
export function weightedMembers(members: readonly WeightedMember[]): WeightedMember[] {
  if (members.length > MEMBERS_MAX) {
    throw new BalancingError('TOO_MANY', 'members', members.length, `at most ${MEMBERS_MAX}`);
  }
  const names = new Set<string>();
  for (const { name, weight, sharePercent = 100 } of members) {
    if (name.length < 1 || name.length > NAME_CHARACTERS_MAX) {
      throw new BalancingError('NAME', 'name', name, `1 to ${NAME_CHARACTERS_MAX} characters`);
    }
    if (names.has(name)) throw new BalancingError('DUPLICATE', 'name', name, 'a name that no other member has');
    names.add(name);
    if (!Number.isInteger(weight) || weight < 0 || weight > WEIGHT_MAX) {
      throw new BalancingError('WEIGHT', `weight of ${name}`, weight, `a whole number from 0 to ${WEIGHT_MAX}`);
    }
    if (!Number.isInteger(sharePercent) || sharePercent < 0 || sharePercent > 100) {
      throw new BalancingError('WEIGHT', `sharePercent of ${name}`, sharePercent, 'a whole number from 0 to 100');
    }
  }
  return members.filter(({ weight }) => weight > 0).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The member's weight for now in hundredths; 0 if it is out. */
export function weightNow({ weight, sharePercent = 100 }: WeightedMember): number {
  return weight * sharePercent;
}
