import {
  encodeFetchHeader,
  encodeObjectDatagram,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  FetchObjectEncoder,
  type GroupOrder,
  type ObjectStatus,
  type SubgroupHeader,
  type Vi64,
} from '@higgins/protocol';
import type { Random } from '../frame/random.js';
import { objectProperties } from './values.js';

const NONE = new Uint8Array(0);

/** A SUBGROUP_HEADER and its objects, each in a piece of its own. */
export function subgroupStream(random: Random, trackAlias: Vi64): Uint8Array[] {
  const header: SubgroupHeader = {
    trackAlias,
    group: random.vi64(),
    subgroup: random.oneIn(3) ? null : random.vi64(),
    priority: random.oneIn(2) ? null : random.below(256),
    endOfGroup: random.oneIn(2),
    firstObject: random.oneIn(2),
    hasProperties: random.oneIn(2),
  };
  const pieces = [encodeSubgroupHeader(header)];
  for (let i = random.below(6); i > 0; i--) pieces.push(subgroupObject(random, header.hasProperties));
  return pieces;
}

/** An object that may follow any other one. */
export function subgroupObject(random: Random, hasProperties: boolean): Uint8Array {
  const status: ObjectStatus = random.oneIn(5) ? random.pick(['end-of-group', 'end-of-track']) : 'normal';
  const normal = status === 'normal';
  return encodeSubgroupObject({
    delta: random.below(3),
    properties: hasProperties && normal ? objectProperties(random) : NONE,
    hasProperties,
    status,
    payload: normal ? payload(random) : NONE,
  });
}

/** A FETCH_HEADER, objects and ends of ranges in the order that a publisher sends them in. */
export function fetchStream(random: Random, requestId: Vi64, order: GroupOrder): Uint8Array[] {
  const encoder = new FetchObjectEncoder(order);
  const pieces = [encodeFetchHeader(requestId)];
  let group = order === 'ascending' ? random.below(9) : 1000 + random.below(9);
  let object = random.below(4);
  for (let i = random.below(7); i > 0; i--) {
    pieces.push(fetchPiece(random, encoder, group, object));
    if (random.oneIn(2)) object += 1 + random.below(3);
    else {
      group += (order === 'ascending' ? 1 : -1) * (1 + random.below(20));
      object = random.below(4);
    }
  }
  return pieces;
}

export function datagram(random: Random, trackAlias: Vi64): Uint8Array {
  const status: ObjectStatus = random.oneIn(4) ? random.pick(['end-of-group', 'end-of-track']) : 'normal';
  const normal = status === 'normal';
  return encodeObjectDatagram({
    trackAlias,
    group: random.vi64(),
    object: random.vi64(),
    priority: random.oneIn(2) ? null : random.below(256),
    endOfGroup: normal && random.oneIn(2),
    status,
    properties: normal ? objectProperties(random) : NONE,
    payload: normal ? payload(random) : NONE,
  });
}

function fetchPiece(random: Random, encoder: FetchObjectEncoder, group: number, object: number): Uint8Array {
  if (random.oneIn(5)) return encoder.rangeEnd({ group, object }, random.oneIn(2));
  return encoder.object({
    group,
    subgroup: random.oneIn(4) ? null : random.pick<Vi64>([0, 0, 1, 2, random.vi64()]),
    object,
    status: 'normal',
    priority: random.pick([128, 128, 0, 255]),
    properties: objectProperties(random),
    payload: payload(random),
  });
}

// Mostly a few bytes; some pass the room that a parser gives a body at first.
function payload(random: Random): Uint8Array {
  return random.oneIn(200) ? new Uint8Array(random.between(15_000, 40_000)).fill(7) : random.bytes(20);
}
