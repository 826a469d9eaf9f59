import type { Slot } from './model.js';

/** Names of one list's sets, maps and chains. Lists of both families and slots share a prefix, so that `nft list` sorts them together. */
export const namesOf = {
  set: (id: string, family: 4 | 6, slot: Slot) => `${id}_ipv${family}_${slot}`,
  /** Verdict map with a timeout: leads to the live slot's chain while the value's time is not up. */
  alive: (id: string) => `${id}_alive`,
  /** Verdict map: what the list does once its time is up. */
  expiry: (id: string) => `${id}_expiry`,
  guard: (id: string) => `${id}_guard`,
  live: (id: string, slot: Slot) => `${id}_live_${slot}`,
  expired: (id: string) => `${id}_expired`,
  closed: (id: string) => `${id}_closed`,
} as const;

/** Chain and sets that all lists share; no list can have such a name, because list ids carry no capital letters. */
export const SHARED = {
  marker: 'STRUCTURE',
  relays4: 'RELAYS_ipv4',
  relays6: 'RELAYS_ipv6',
} as const;

/** The id of a list: the last segment of its path made readable, and enough of a hash to tell lists apart. */
export function listId(path: string, hash: string): string {
  const last = path.split('/').at(-1) ?? '';
  const readable = last
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^[^a-z]+|_+$/g, '')
    .slice(0, 24);
  return `${readable === '' ? 'list' : readable}_${hash.slice(0, 6)}`;
}
