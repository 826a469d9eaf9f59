import { EncodeError } from '../errors.js';
import type { Location } from '../model/location.js';
import type { ReceivedObject } from '../model/objects.js';
import type { GroupOrder } from '../model/parameters.js';
import { add, subtract, type Vi64 } from '../model/vi64.js';
import { vi64Size, writeVi64 } from '../wire/vi64.js';
import * as Flags from './fetch-flags.js';
import { StreamType } from './stream-types.js';
import { checkedPriority } from './subgroup.js';

/** Encodes a FETCH_HEADER (draft-18 §11.4.4), the start of a fetch stream. */
export function encodeFetchHeader(requestId: Vi64): Uint8Array {
  const bytes = new Uint8Array(1 + vi64Size(requestId));
  bytes[0] = StreamType.FETCH_HEADER;
  writeVi64(bytes, 1, requestId);
  return bytes;
}

/**
 * Encodes the objects of one fetch stream in order; each call depends on those before it. The bytes are the caller's
 * own. Throws EncodeError, without a change to its state, for what does not come next in the group order.
 */
export class FetchObjectEncoder {
  readonly #descending: boolean;
  readonly #head = new Uint8Array(HEAD_BYTES_MAX);
  #prior: Location | null = null;
  #priorSubgroup: Vi64 | null = null;
  #priorPriority: number | null = null;

  /** `groupOrder`: that of the FETCH, ascending if it names none. */
  constructor(groupOrder: GroupOrder) {
    this.#descending = groupOrder === 'descending';
  }

  /** One object of status normal; the fetch stream has no form for the others (draft-18 §11.2.1.1). */
  object(object: ReceivedObject): Uint8Array {
    if (object.status !== 'normal') throw new EncodeError(`fetched object has status ${object.status}`);
    const { group, subgroup, priority, properties, payload } = object;
    let flags = properties.length > 0 ? Flags.PROPERTIES : 0;
    const groupDelta = this.#groupDelta(group);
    if (groupDelta !== null) flags |= Flags.GROUP_DELTA;
    const objectDelta = this.#objectDelta(groupDelta !== null, object.object);
    if (objectDelta !== null) flags |= Flags.OBJECT_DELTA;
    const subgroupFlag = this.#subgroupFlag(subgroup);
    flags |= subgroupFlag;
    if (checkedPriority(priority) !== this.#priorPriority) flags |= Flags.PRIORITY;

    let position = writeVi64(this.#head, 0, flags);
    if (groupDelta !== null) position = writeVi64(this.#head, position, groupDelta);
    if (subgroup !== null && subgroupFlag === Flags.SUBGROUP_PRESENT) {
      position = writeVi64(this.#head, position, subgroup);
    }
    if (objectDelta !== null) position = writeVi64(this.#head, position, objectDelta);
    if (flags & Flags.PRIORITY) this.#head[position++] = priority;
    if (properties.length > 0) position = writeVi64(this.#head, position, properties.length);
    const bytes = join(this.#head.subarray(0, position), properties, payload);
    this.#prior = { group, object: object.object };
    this.#priorSubgroup = subgroup;
    this.#priorPriority = priority;
    return bytes;
  }

  /**
   * Says that everything after what came before, up to `end` inclusive, does not exist, or is `unknown`. The Location
   * is absolute and nothing follows it: the draft leaves that open in §11.4.4.2, and implementations agree on it.
   */
  rangeEnd(end: Location, unknown: boolean): Uint8Array {
    const flags = unknown ? Flags.END_OF_UNKNOWN_RANGE : Flags.END_OF_NON_EXISTENT_RANGE;
    const bytes = new Uint8Array(vi64Size(flags) + vi64Size(end.group) + vi64Size(end.object));
    writeVi64(bytes, writeVi64(bytes, writeVi64(bytes, 0, flags), end.group), end.object);
    this.#prior = end;
    return bytes;
  }

  // Null if the group is the prior one.
  #groupDelta(group: Vi64): Vi64 | null {
    if (this.#prior === null) return group;
    const prior = this.#prior.group;
    if (group === prior) return null;
    if (group < prior !== this.#descending) {
      throw new EncodeError(`group ${group} follows group ${prior} against the group order`);
    }
    return this.#descending ? subtract(prior, add(group, 1)) : subtract(group, add(prior, 1));
  }

  // Null if the object follows the prior one in its group.
  #objectDelta(newGroup: boolean, object: Vi64): Vi64 | null {
    if (newGroup || this.#prior === null) return object;
    const prior = this.#prior.object;
    if (object <= prior) throw new EncodeError(`object ${object} follows object ${prior}, expected a larger id`);
    const delta = subtract(object, prior);
    return delta === 1 ? null : delta;
  }

  #subgroupFlag(subgroup: Vi64 | null): number {
    if (subgroup === null) return Flags.DATAGRAM;
    if (subgroup === 0) return Flags.SUBGROUP_ZERO;
    if (this.#priorSubgroup === null) return Flags.SUBGROUP_PRESENT;
    if (subgroup === this.#priorSubgroup) return Flags.SUBGROUP_PRIOR;
    return subgroup === add(this.#priorSubgroup, 1) ? Flags.SUBGROUP_NEXT : Flags.SUBGROUP_PRESENT;
  }
}

const HEAD_BYTES_MAX = 64;

function join(head: Uint8Array, properties: Uint8Array, payload: Uint8Array): Uint8Array {
  const size = head.length + properties.length + vi64Size(payload.length) + payload.length;
  const bytes = new Uint8Array(size);
  bytes.set(head);
  bytes.set(properties, head.length);
  bytes.set(payload, writeVi64(bytes, head.length + properties.length, payload.length));
  return bytes;
}
