import { protocolViolation } from '../errors.js';
import type { Location } from '../model/location.js';
import { add, subtract, VI64_MAX, type Vi64 } from '../model/vi64.js';
import type { PartialReader } from '../wire/reader.js';
import * as Flags from './fetch-flags.js';

/** The fields of an object's head that its flags announce; 0 for those that they do not. */
export interface FetchHead {
  readonly flags: number;
  readonly groupDelta: Vi64;
  readonly subgroup: Vi64;
  readonly objectDelta: Vi64;
  readonly priority: number;
  readonly propertiesLength: Vi64;
}

/** Reads the fields behind the flags; what it returns counts only if the reader is not short. */
export function readFetchHead(reader: PartialReader, flags: number): FetchHead {
  const hasSubgroup = (flags & Flags.DATAGRAM) === 0 && (flags & Flags.SUBGROUP_MASK) === Flags.SUBGROUP_PRESENT;
  return {
    flags,
    groupDelta: flags & Flags.GROUP_DELTA ? reader.vi64() : 0,
    subgroup: hasSubgroup ? reader.vi64() : 0,
    objectDelta: flags & Flags.OBJECT_DELTA ? reader.vi64() : 0,
    priority: flags & Flags.PRIORITY ? reader.uint8() : 0,
    propertiesLength: flags & Flags.PROPERTIES ? reader.vi64() : 0,
  };
}

const NO_PRIORITY = -1;

/** What flags may refer to. After the end of a range the Location is the range's, the rest the last object's. */
export class FetchPrior {
  location: Location | null = null;
  subgroup: Vi64 | null = null;
  priority = NO_PRIORITY;

  /** Resolves a head into `location`, `subgroup` and `priority`; throws PROTOCOL_VIOLATION. */
  apply(head: FetchHead, descending: boolean): void {
    const group = this.#group(head, descending);
    const object = this.#object(head);
    this.subgroup = this.#subgroup(head);
    if (head.flags & Flags.PRIORITY) this.priority = head.priority;
    else if (this.priority === NO_PRIORITY) throw nothingPrior('priority');
    this.location = { group, object };
  }

  /** The Location, which must have been there; throws PROTOCOL_VIOLATION. */
  known(): Location {
    if (this.location === null) throw nothingPrior('location');
    return this.location;
  }

  #group({ flags, groupDelta }: FetchHead, descending: boolean): Vi64 {
    if ((flags & Flags.GROUP_DELTA) === 0) return this.known().group;
    if (this.location === null) return groupDelta;
    const step = add(groupDelta, 1);
    const prior = this.location.group;
    if (descending ? step > prior : add(prior, step) > VI64_MAX) {
      throw protocolViolation(`group id delta ${groupDelta} leads from group ${prior} out of 64 bits`);
    }
    return descending ? subtract(prior, step) : add(prior, step);
  }

  #object({ flags, objectDelta }: FetchHead): Vi64 {
    const absolute = (flags & Flags.GROUP_DELTA) !== 0;
    if (flags & Flags.OBJECT_DELTA && absolute) return objectDelta;
    const object = add(this.known().object, flags & Flags.OBJECT_DELTA ? objectDelta : 1);
    if (object > VI64_MAX) throw protocolViolation(`object id ${object} is above 2^64 - 1`);
    return object;
  }

  #subgroup({ flags, subgroup }: FetchHead): Vi64 | null {
    if (flags & Flags.DATAGRAM) return null;
    const mode = flags & Flags.SUBGROUP_MASK;
    if (mode === Flags.SUBGROUP_ZERO) return 0;
    if (mode === Flags.SUBGROUP_PRESENT) return subgroup;
    if (this.subgroup === null) throw nothingPrior('subgroup');
    if (mode === Flags.SUBGROUP_PRIOR) return this.subgroup;
    if (this.subgroup === VI64_MAX) throw protocolViolation('subgroup id is above 2^64 - 1');
    return add(this.subgroup, 1);
  }
}

function nothingPrior(field: string): Error {
  return protocolViolation(`serialization flags refer to a prior ${field}, and there is none`);
}
