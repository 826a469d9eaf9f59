import { protocolViolation } from '../errors.js';
import { DEFAULT_LIMITS, type ObjectLimits } from '../limits.js';
import {
  DEFAULT_PUBLISHER_PRIORITY,
  type ObjectStatus,
  type ReceivedObject,
  type SubgroupHeader,
} from '../model/objects.js';
import type { Vi64 } from '../model/vi64.js';
import { statusOf } from './object-status.js';
import { checkObjectProperties } from './property-rules.js';
import { boundedLength, StreamInput } from './stream-input.js';
import { objectIdAfter, readSubgroupHeader } from './subgroup.js';

const NO_BYTES = new Uint8Array(0);

type Step = 'header' | 'head' | 'properties' | 'length' | 'payload' | 'ended';

/**
 * The objects of one subgroup stream, from its first byte on. After each `push` call `next` until it returns null; the
 * pushed bytes need be valid only that long. Payloads and properties are copied once and belong to the caller.
 *
 * `next` throws SessionError, MalformedTrackError, or StreamError with EXCESSIVE_LOAD if an object is larger than the
 * limits; afterwards the parser is of no use. Memory: the limits of one object, and no more than twice what came.
 */
export class SubgroupStreamParser {
  /** The priority of objects whose header leaves it to the track (draft-18 §12.4); to be set when that is known. */
  defaultPriority: number = DEFAULT_PUBLISHER_PRIORITY;
  readonly #limits: ObjectLimits;
  readonly #input = new StreamInput();
  #step: Step = 'header';
  #header: SubgroupHeader | null = null;
  #object: ReceivedObject | null = null;
  #previous: Vi64 | null = null;
  #objectId: Vi64 = 0;
  #propertiesLength = 0;
  #properties: Uint8Array = NO_BYTES;
  #payloadLength = 0;
  #status: ObjectStatus = 'normal';

  constructor(limits: ObjectLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /** The header, from 'header' on. Its `subgroup` is filled in with the first object. */
  get header(): SubgroupHeader {
    if (this.#header === null) throw new Error('subgroup header asked for before it was read');
    return this.#header;
  }

  /** What `next` announced with 'object'. */
  get object(): ReceivedObject {
    if (this.#object === null) throw new Error('object asked for before one was read');
    return this.#object;
  }

  /** The last Object ID of which at least the head was read; null before the first. */
  get previousObjectId(): Vi64 | null {
    return this.#previous;
  }

  push(bytes: Uint8Array, fin: boolean): void {
    this.#input.push(bytes, fin);
  }

  /** The next thing on the stream, or null until more bytes come. After 'end' there is nothing. */
  next(): 'header' | 'object' | 'end' | null {
    this.#object = null;
    while (this.#step !== 'ended') {
      const before = this.#step;
      if (before === 'head' && this.#input.ended) {
        this.#step = 'ended';
        return 'end';
      }
      if (!this.#advance()) {
        if (this.#input.finished) throw protocolViolation(`subgroup stream ends within its ${before}`);
        return null;
      }
      if (before === 'header') return 'header';
      if (before === 'payload') return 'object';
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
    const header = readSubgroupHeader(this.#input.fields());
    if (!this.#input.accept()) return false;
    this.#header = header;
    this.#step = 'head';
    return true;
  }

  #readHead(): boolean {
    const reader = this.#input.fields();
    const delta = reader.vi64();
    const length = this.header.hasProperties ? reader.vi64() : 0;
    if (!this.#input.accept()) return false;
    this.#objectId = objectIdAfter(this.#previous, delta);
    this.#previous = this.#objectId;
    this.header.subgroup ??= this.#objectId;
    this.#propertiesLength = boundedLength(length, this.#limits.propertiesBytesMax, 'properties');
    this.#step = 'properties';
    return true;
  }

  #readProperties(): boolean {
    const properties = this.#input.body(this.#propertiesLength);
    if (properties === null) return false;
    checkObjectProperties(properties, this.header.group, this.#objectId);
    this.#properties = properties;
    this.#step = 'length';
    return true;
  }

  #readLength(): boolean {
    const reader = this.#input.fields();
    const length = reader.vi64();
    const status = length === 0 ? reader.vi64() : 0;
    if (!this.#input.accept()) return false;
    this.#status = statusOf(status);
    if (this.#status !== 'normal' && this.#properties.length > 0) {
      throw protocolViolation(`object of status ${this.#status} has properties`);
    }
    this.#payloadLength = boundedLength(length, this.#limits.objectBytesMax, 'payload');
    this.#step = 'payload';
    return true;
  }

  #readPayload(): boolean {
    const payload = this.#input.body(this.#payloadLength);
    if (payload === null) return false;
    const { group, subgroup, priority } = this.header;
    this.#object = {
      group,
      subgroup,
      object: this.#objectId,
      status: this.#status,
      priority: priority ?? this.defaultPriority,
      properties: this.#properties,
      payload,
    };
    this.#properties = NO_BYTES;
    this.#step = 'head';
    return true;
  }
}
