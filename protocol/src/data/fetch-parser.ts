import { protocolViolation } from '../errors.js';
import { DEFAULT_LIMITS, type ObjectLimits } from '../limits.js';
import type { Location } from '../model/location.js';
import type { ReceivedObject } from '../model/objects.js';
import type { GroupOrder } from '../model/parameters.js';
import type { Vi64 } from '../model/vi64.js';
import type { PartialReader } from '../wire/reader.js';
import * as Flags from './fetch-flags.js';
import { FetchPrior, readFetchHead } from './fetch-prior.js';
import { checkObjectProperties } from './property-rules.js';
import { boundedLength, StreamInput } from './stream-input.js';
import { StreamType } from './stream-types.js';

const NO_BYTES = new Uint8Array(0);

/** Flags that end a range, and whether they say that it is unknown. */
type RangeEnds = ReadonlyMap<Vi64, boolean>;

/** Those of draft-18 §11.4.4.2. */
export const RANGE_ENDS: RangeEnds = new Map([
  [Flags.END_OF_NON_EXISTENT_RANGE, false],
  [Flags.END_OF_UNKNOWN_RANGE, true],
]);

type Step = 'header' | 'head' | 'properties' | 'length' | 'payload' | 'ended';

/**
 * The objects of one fetch stream, from its first byte on; used, bounded and failing like SubgroupStreamParser.
 */
export class FetchStreamParser {
  /** That of the FETCH; to be set when 'header' has told which one it is. */
  groupOrder: GroupOrder = 'ascending';
  readonly #limits: ObjectLimits;
  readonly #rangeEnds: RangeEnds;
  readonly #input = new StreamInput();
  readonly #prior = new FetchPrior();
  #step: Step = 'header';
  #requestId: Vi64 | null = null;
  #object: ReceivedObject | null = null;
  #rangeEnd: FetchRangeEnd | null = null;
  #propertiesLength = 0;
  #properties: Uint8Array = NO_BYTES;
  #payloadLength = 0;

  /** `rangeEnds`: those of the profile (draft-18 §11.4.4.2), which are the default. */
  constructor(limits: ObjectLimits = DEFAULT_LIMITS, rangeEnds: RangeEnds = RANGE_ENDS) {
    this.#limits = limits;
    this.#rangeEnds = rangeEnds;
  }

  /** The Request ID of the FETCH, from 'header' on. */
  get requestId(): Vi64 {
    if (this.#requestId === null) throw new Error('request id asked for before it was read');
    return this.#requestId;
  }

  /** What `next` announced with 'object'; its status is always normal. */
  get object(): ReceivedObject {
    if (this.#object === null) throw new Error('object asked for before one was read');
    return this.#object;
  }

  /** What `next` announced with 'range-end'. */
  get rangeEnd(): FetchRangeEnd {
    if (this.#rangeEnd === null) throw new Error('end of range asked for before one was read');
    return this.#rangeEnd;
  }

  push(bytes: Uint8Array, fin: boolean): void {
    this.#input.push(bytes, fin);
  }

  /** The next thing on the stream, or null until more bytes come. After 'end' there is nothing. */
  next(): 'header' | 'object' | 'range-end' | 'end' | null {
    this.#object = null;
    this.#rangeEnd = null;
    while (this.#step !== 'ended') {
      const before = this.#step;
      if (before === 'head' && this.#input.ended) {
        this.#step = 'ended';
        return 'end';
      }
      if (!this.#advance()) {
        if (this.#input.finished) throw protocolViolation(`fetch stream ends within its ${before}`);
        return null;
      }
      if (before === 'header') return 'header';
      if (before === 'payload') return 'object';
      if (this.#rangeEnd !== null) return 'range-end';
    }
    return null;
  }

  // Does one step if its bytes are there.
  #advance(): boolean {
    switch (this.#step) {
      case 'header':
        return this.#readHeader();
      case 'head':
        return this.#readHead();
      case 'properties':
        return this.#readProperties();
      case 'length':
        return this.#readLength();
      default:
        return this.#readPayload();
    }
  }

  #readHeader(): boolean {
    const reader = this.#input.fields();
    const type = reader.vi64();
    const requestId = reader.vi64();
    if (!this.#input.accept()) return false;
    if (type !== StreamType.FETCH_HEADER) throw protocolViolation(`fetch header type is ${type}, expected 5`);
    this.#requestId = requestId;
    this.#step = 'head';
    return true;
  }

  #readHead(): boolean {
    const reader = this.#input.fields();
    const flags = reader.vi64();
    if (!reader.short && flags > Flags.FLAGS_MAX) return this.#readRangeEnd(reader, flags);
    const head = readFetchHead(reader, Number(flags));
    if (!this.#input.accept()) return false;
    this.#prior.apply(head, this.groupOrder === 'descending');
    this.#propertiesLength = boundedLength(head.propertiesLength, this.#limits.propertiesBytesMax, 'properties');
    this.#step = 'properties';
    return true;
  }

  #readRangeEnd(reader: PartialReader, flags: Vi64): boolean {
    const unknown = this.#rangeEnds.get(flags);
    if (unknown === undefined) {
      throw protocolViolation(`serialization flags are ${flags}, expected at most 127 or the end of a range`);
    }
    const end = { group: reader.vi64(), object: reader.vi64() };
    if (!this.#input.accept()) return false;
    this.#prior.location = end;
    this.#rangeEnd = { end, unknown };
    return true;
  }

  #readProperties(): boolean {
    const properties = this.#input.body(this.#propertiesLength);
    if (properties === null) return false;
    const { group, object } = this.#prior.known();
    checkObjectProperties(properties, group, object);
    this.#properties = properties;
    this.#step = 'length';
    return true;
  }

  #readLength(): boolean {
    const length = this.#input.fields().vi64();
    if (!this.#input.accept()) return false;
    this.#payloadLength = boundedLength(length, this.#limits.objectBytesMax, 'payload');
    this.#step = 'payload';
    return true;
  }

  #readPayload(): boolean {
    const payload = this.#input.body(this.#payloadLength);
    if (payload === null) return false;
    const { group, object } = this.#prior.known();
    const { subgroup, priority } = this.#prior;
    this.#object = {
      group,
      subgroup,
      object,
      status: 'normal',
      priority,
      properties: this.#properties,
      payload,
    };
    this.#properties = NO_BYTES;
    this.#step = 'head';
    return true;
  }
}

/** The end of a range of objects that the stream leaves out (draft-18 §11.4.4.2). */
export interface FetchRangeEnd {
  /** The last Location of the range. */
  readonly end: Location;
  /** Whether it is unknown if the objects exist; else they do not. */
  readonly unknown: boolean;
}
