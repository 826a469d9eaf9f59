import { FetchObjectEncoder } from '../data/fetch.js';
import { encodeSubgroupHeader, encodeSubgroupObject } from '../data/subgroup.js';
import type { GroupOrder, ReceivedObject } from '../session/contract.js';

const NO_BYTES = new Uint8Array(0);

/** A SUBGROUP_HEADER of subgroup 0 that holds a whole group. */
export function groupHead(trackAlias: number, group: number): Uint8Array {
  return encodeSubgroupHeader({
    trackAlias,
    group,
    subgroup: 0,
    priority: null,
    endOfGroup: true,
    firstObject: true,
    hasProperties: false,
  });
}

/** The next object of a subgroup stream, with `payload` as text. */
export function nextObject(payload: string): Uint8Array {
  return encodeSubgroupObject({
    delta: 0,
    properties: NO_BYTES,
    hasProperties: false,
    status: 'normal',
    payload: new TextEncoder().encode(payload),
  });
}

/** The bytes of a fetch stream behind its header, one object for each group, with the group as payload. */
export function fetchedGroups(groups: readonly number[], order: GroupOrder = 'ascending'): Uint8Array {
  const encoder = new FetchObjectEncoder(order);
  return joinBytes(groups.map((group) => encoder.object(fetchedObject(group))));
}

export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let position = 0;
  for (const piece of pieces) {
    bytes.set(piece, position);
    position += piece.length;
  }
  return bytes;
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function fetchedObject(group: number): ReceivedObject {
  return {
    group,
    subgroup: 0,
    object: 0,
    status: 'normal',
    priority: 128,
    properties: NO_BYTES,
    payload: new TextEncoder().encode(`group ${group}`),
  };
}
