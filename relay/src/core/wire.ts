import {
  encodeObjectDatagram,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  objectIdDelta,
  type Vi64,
} from '@higgins/protocol';
import type { CachedObject } from './cache/cached-object.js';
import type { LiveSubgroup } from './downstream/live-subgroup.js';

/** The SUBGROUP_HEADER of a stream for receivers that know the track by `alias`. */
export function encodeHead(alias: Vi64, live: LiveSubgroup, firstObject: boolean, hasProperties: boolean): Uint8Array {
  const { group, subgroup } = live;
  const { priority, endOfGroup } = live.feed;
  return encodeSubgroupHeader({ trackAlias: alias, group, subgroup, priority, endOfGroup, firstObject, hasProperties });
}

/** An object for subgroup streams whose object before was `previous`, null if it is the stream's first. */
export function encodeObject(
  object: CachedObject,
  properties: Uint8Array,
  previous: Vi64 | null,
  hasProperties: boolean,
): Uint8Array {
  const { status, payload } = object;
  return encodeSubgroupObject({
    delta: objectIdDelta(previous, object.object),
    ...{ properties, hasProperties, status, payload },
  });
}

/** An object that belongs to no Subgroup, for receivers that know the track by `alias`. */
export function encodeDatagram(
  alias: Vi64,
  object: CachedObject,
  properties: Uint8Array,
  endOfGroup: boolean,
): Uint8Array {
  const { group, object: id, priority, status, payload } = object;
  return encodeObjectDatagram({
    ...{ trackAlias: alias, group, object: id, priority, status, payload, properties },
    // A status says it already.
    endOfGroup: endOfGroup && status === 'normal',
  });
}
