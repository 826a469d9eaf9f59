import { NftError } from '../nft/errors.js';
import type { DesiredService } from './model.js';
import { MARK_BASE, MEMBER_NUMBERS_MAX, namesOf } from './names.js';

/** A member as it stands in the kernel. */
export interface NumberedMember {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Its chain. */
  readonly chain: string;
  /** What flows and packets to it are marked with; unique on the node. */
  readonly mark: number;
}

/** Members by service id and name. */
export type Numbering = ReadonlyMap<string, ReadonlyMap<string, NumberedMember>>;

/**
 * Gives every member a mark. Who has one in the kernel keeps it: live flows carry it. New ones follow the highest that is in
 * use, so that a number comes back as late as can be.
 *
 * @throws NftError `refused` if the node has more members than there are numbers
 */
export function numberMembers(services: readonly DesiredService[], existing: ReadonlyMap<string, number>): Numbering {
  const taken = new Set(existing.values());
  let last = [...taken].reduce((a, b) => Math.max(a, b), MARK_BASE);
  const next = (): number => {
    for (let tries = 0; tries < MEMBER_NUMBERS_MAX; tries++) {
      last = last >= MARK_BASE + MEMBER_NUMBERS_MAX ? MARK_BASE + 1 : last + 1;
      if (!taken.has(last)) {
        taken.add(last);
        return last;
      }
    }
    throw new NftError('refused', `more than ${MEMBER_NUMBERS_MAX} members on one node`);
  };
  return new Map(
    services.map((service) => {
      const { id, members } = service;
      const known = NUMBERED.get(service);
      if (known && hasMarks(known, existing)) return [id, known];
      const numbered = [...members].map(([name, { address, port }]): [string, NumberedMember] => {
        const chain = namesOf.member(id, name);
        return [name, { name, address, port, chain, mark: existing.get(chain) ?? next() }];
      });
      const all = new Map(numbered);
      NUMBERED.set(service, all);
      return [id, all];
    }),
  );
}

/** Members as they were numbered last: the same while they have the same marks in the kernel. */
const NUMBERED = new WeakMap<DesiredService, ReadonlyMap<string, NumberedMember>>();

function hasMarks(members: ReadonlyMap<string, NumberedMember>, existing: ReadonlyMap<string, number>): boolean {
  for (const { chain, mark } of members.values()) if (existing.get(chain) !== mark) return false;
  return true;
}

/** The member's mark in every slot; 0 where nobody serves. The same table and marks are the same array. */
export function slotMarks(
  { table }: Pick<DesiredService, 'table'>,
  members: ReadonlyMap<string, NumberedMember>,
  size: number,
): Uint32Array {
  const owners = Uint32Array.from(table.members, (name) => members.get(name)?.mark ?? 0);
  const known = KNOWN.get(table.slots);
  if (known?.slots.length === size && owners.every((mark, index) => mark === known.owners[index])) return known.slots;
  const slots = new Uint32Array(size);
  for (let slot = 0; slot < table.slots.length; slot++) slots[slot] = owners[table.slots[slot]!]!;
  KNOWN.set(table.slots, { owners, slots });
  return slots;
}

/** Tables whose marks were laid out before: at a thousand services, most of them are the same from change to change. */
const KNOWN = new WeakMap<Uint16Array, { readonly owners: Uint32Array; readonly slots: Uint32Array }>();

/** Marks of the members that have slots and that nothing holds back. */
export function servingMarks({ table, trial }: DesiredService, members: ReadonlyMap<string, NumberedMember>): number[] {
  const free = table.members.filter((name) => trial?.members.includes(name) !== true);
  return free.flatMap((name) => members.get(name)?.mark ?? []);
}
