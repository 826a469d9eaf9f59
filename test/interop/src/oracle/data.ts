import type { FetchRangeEnd, GroupOrder, ObjectDatagram, ObjectStatus, ReceivedObject } from '@higgins/protocol';
import type { DecodedFetch, DecodedSubgroup } from '@higgins/vectors';
import {
  decodeFetchHeader18,
  decodeFetchObject18,
  decodeSubgroupHeader18,
  decodeSubgroupObject18,
  encodeFetchHeader18,
  encodeFetchObject18,
  encodeSubgroupHeader18,
  encodeSubgroupObject18,
  type FetchObjectPrior18,
  type ObjectDatagram as TheirDatagram,
} from '@moqt/transport';

const STATUS: Readonly<Record<ObjectStatus, bigint>> = { normal: 0n, 'end-of-group': 3n, 'end-of-track': 4n };

/** What both sides say of an object on a subgroup or fetch stream. */
export interface SharedObject {
  readonly group: bigint;
  readonly subgroup: bigint;
  readonly object: bigint;
  readonly priority: number | undefined;
  readonly status: bigint;
  readonly properties: string;
  readonly payload: string;
}

/** An object of ours in the words of both. A datagram among fetched objects has Subgroup ID 0 with them. */
export function shared(object: ReceivedObject, priority: number | undefined): SharedObject {
  return {
    group: BigInt(object.group),
    subgroup: BigInt(object.subgroup ?? 0),
    object: BigInt(object.object),
    priority,
    status: STATUS[object.status],
    properties: hex(object.properties),
    payload: hex(object.payload),
  };
}

/** A subgroup stream as they read it. */
export function theirSubgroup(bytes: Uint8Array): SharedObject[] {
  const { header, bytesRead } = decodeSubgroupHeader18(bytes, 0);
  const objects: SharedObject[] = [];
  let previous = 0n;
  for (let position = bytesRead; position < bytes.length; ) {
    const next = decodeSubgroupObject18(bytes, position, header.hasExtensions, previous, objects.length === 0);
    position += next.bytesRead;
    previous = next.object.objectId;
    objects.push({
      ...{ group: header.groupId, subgroup: header.subgroupId, object: previous, priority: header.publisherPriority },
      ...{ status: next.object.status ?? 0n, payload: hex(next.object.payload) },
      properties: hex(next.object.extensions ?? new Uint8Array(0)),
    });
  }
  return objects;
}

/** A subgroup stream of ours as they write it. */
export function writtenByThem({ header, objects }: DecodedSubgroup): Uint8Array {
  const explicit = header.subgroup !== null && header.subgroup !== 0;
  const typeByte =
    0x10 |
    (header.hasProperties ? 0x01 : 0) |
    (header.subgroup === null ? 0x02 : explicit ? 0x04 : 0) |
    (header.endOfGroup ? 0x08 : 0) |
    (header.priority === null ? 0x20 : 0) |
    (header.firstObject ? 0x40 : 0);
  const head = encodeSubgroupHeader18({
    ...{ typeByte, trackAlias: BigInt(header.trackAlias), groupId: BigInt(header.group) },
    ...{ subgroupId: BigInt(header.subgroup ?? 0), publisherPriority: header.priority ?? undefined },
    ...{ hasExtensions: header.hasProperties, isEndOfGroup: header.endOfGroup },
  });
  let previous = 0n;
  const pieces = objects.map((object, i) => {
    const status = object.payload.length === 0 ? STATUS[object.status] : undefined;
    const theirs = { objectId: BigInt(object.object), extensions: object.properties, payload: object.payload, status };
    const bytes = encodeSubgroupObject18(theirs, header.hasProperties, previous, i === 0);
    previous = theirs.objectId;
    return bytes;
  });
  return joined([head, ...pieces]);
}

/** A fetch stream of ours without ends of ranges, as they read it. */
export function theirFetch(bytes: Uint8Array, order: GroupOrder): SharedObject[] {
  const { bytesRead } = decodeFetchHeader18(bytes, 0);
  const objects: SharedObject[] = [];
  let prior: FetchObjectPrior18 | undefined;
  for (let position = bytesRead; position < bytes.length; ) {
    const next = decodeFetchObject18(bytes, position, prior, prior === undefined, order);
    position += next.bytesRead;
    prior = next.nextPrior;
    if ('nonExistent' in next.item) throw new Error('end of a range, which they write in another way');
    const { groupId, subgroupId, objectId, publisherPriority, extensions, payload } = next.item;
    objects.push({
      ...{ group: groupId, subgroup: subgroupId, object: objectId, priority: publisherPriority, status: 0n },
      ...{ properties: hex(extensions ?? new Uint8Array(0)), payload: hex(payload) },
    });
  }
  return objects;
}

/** Objects of ours as they write them: without properties, each with its Subgroup ID. */
export function fetchWrittenByThem({ requestId, items }: DecodedFetch, order: GroupOrder): Uint8Array {
  const pieces = [encodeFetchHeader18(BigInt(requestId))];
  let prior: FetchObjectPrior18 | undefined;
  for (const item of items.filter(isObject)) {
    const fields = {
      ...{ groupId: BigInt(item.group), subgroupId: BigInt(item.subgroup ?? 0), objectId: BigInt(item.object) },
      ...{ publisherPriority: item.priority, payload: item.payload },
    };
    const next = encodeFetchObject18(fields, prior, prior === undefined, order);
    prior = next.nextPrior;
    pieces.push(next.bytes);
  }
  return joined(pieces);
}

/** A datagram of ours as they have it. */
export function toTheirDatagram(datagram: ObjectDatagram): TheirDatagram {
  const { properties, priority, status } = datagram;
  const hasStatus = status !== 'normal';
  const typeByte =
    (properties.length > 0 ? 0x01 : 0) |
    (datagram.endOfGroup ? 0x02 : 0) |
    (datagram.object === 0 ? 0x04 : 0) |
    (priority === null ? 0x08 : 0) |
    (hasStatus ? 0x20 : 0);
  return {
    ...{ typeByte, trackAlias: BigInt(datagram.trackAlias), groupId: BigInt(datagram.group) },
    ...{
      objectId: BigInt(datagram.object),
      publisherPriority: priority ?? undefined,
      isEndOfGroup: datagram.endOfGroup,
    },
    extensions: properties.length > 0 ? properties : undefined,
    ...{ payload: datagram.payload, status: hasStatus ? STATUS[status] : undefined },
  };
}

/** Whether an item of a fetch stream is an object. */
export function isObject(item: ReceivedObject | FetchRangeEnd): item is ReceivedObject {
  return !('end' in item);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
