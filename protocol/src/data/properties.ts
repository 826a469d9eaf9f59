import { subtract, type Vi64 } from '../model/vi64.js';
import {
  carriesBytes,
  type KeyValuePair,
  KeyValueWalker,
  readKeyValuePairs,
  writeKeyValuePairs,
} from '../wire/key-value.js';
import { vi64Length, vi64Size, writeVi64 } from '../wire/vi64.js';
import { Writer } from '../wire/writer.js';
import { PropertyType } from './property-types.js';

const writer = new Writer();
const outer = new KeyValueWalker(new Uint8Array(0));
const inner = new KeyValueWalker(new Uint8Array(0));

/** Encodes properties, sorted by type; the bytes are the caller's own. Throws EncodeError on a value that does not fit. */
export function encodeProperties(properties: readonly KeyValuePair[]): Uint8Array {
  writer.clear();
  writeKeyValuePairs(writer, properties);
  return writer.finish();
}

/** Decodes properties; what stands inside IMMUTABLE_PROPERTIES stays one byte string. Throws SessionError. */
export function readProperties(bytes: Uint8Array): KeyValuePair[] {
  return readKeyValuePairs(bytes);
}

/** The IMMUTABLE_PROPERTIES property with these pairs inside (draft-18 §12.7). */
export function immutableProperties(properties: readonly KeyValuePair[]): KeyValuePair {
  return { type: PropertyType.IMMUTABLE_PROPERTIES, value: encodeProperties(properties) };
}

/**
 * The integer of the first property of an even `type`, or null. Looks at the mutable list first, then inside
 * IMMUTABLE_PROPERTIES (draft-18 §12.7). Allocates nothing; what cannot be parsed ends the search.
 */
export function findInteger(bytes: Uint8Array, type: number): Vi64 | null {
  return find(bytes, type)?.integer ?? null;
}

/**
 * The integer of an even `type` that only the Original Publisher may set: what stands inside IMMUTABLE_PROPERTIES counts,
 * and a mutable one only if there is none. Allocates nothing.
 */
export function findFixedInteger(bytes: Uint8Array, type: number): Vi64 | null {
  outer.reset(bytes, 0, bytes.length);
  while (outer.next()) {
    if (outer.type !== PropertyType.IMMUTABLE_PROPERTIES) continue;
    inner.reset(bytes, outer.valueStart, outer.valueEnd);
    while (inner.next()) if (inner.type === type) return inner.integer;
    break;
  }
  return findInteger(bytes, type);
}

/** The same as `findInteger` for an odd `type`; the result is a view into `bytes`. */
export function findBytes(bytes: Uint8Array, type: number): Uint8Array | null {
  const found = find(bytes, type);
  return found === null || found.integer !== null ? null : bytes.subarray(found.valueStart, found.valueEnd);
}

/**
 * A copy of `bytes` in which the mutable property of even `type` has `value`: replaced if it is there, else inserted.
 * Every other pair, IMMUTABLE_PROPERTIES included, keeps its bytes; only the delta of the pair behind an insertion
 * changes. One allocation. `bytes` must be well-formed (`checkObjectProperties`).
 */
export function withInteger(bytes: Uint8Array, type: number, value: Vi64): Uint8Array {
  if (carriesBytes(type)) throw new RangeError(`property type ${type} is odd, expected an even one`);
  outer.reset(bytes, 0, bytes.length);
  let previous: Vi64 = 0;
  while (outer.next()) {
    if (outer.type === type) return splice(bytes, outer.valueStart, outer.valueEnd, [value]);
    if (outer.type > type) {
      const deltaEnd = outer.pairStart + vi64Length(bytes[outer.pairStart]!);
      const deltas: readonly Vi64[] = [subtract(type, previous), value, subtract(outer.type, type)];
      return splice(bytes, outer.pairStart, deltaEnd, deltas);
    }
    previous = outer.type;
  }
  return splice(bytes, bytes.length, bytes.length, [subtract(type, previous), value]);
}

function find(bytes: Uint8Array, type: number): KeyValueWalker | null {
  if (bytes.length === 0) return null;
  let containerStart = -1;
  let containerEnd = -1;
  outer.reset(bytes, 0, bytes.length);
  while (outer.next()) {
    if (outer.type === type) return outer;
    if (outer.type === PropertyType.IMMUTABLE_PROPERTIES) {
      containerStart = outer.valueStart;
      containerEnd = outer.valueEnd;
    }
    if (outer.type > type && outer.type > PropertyType.IMMUTABLE_PROPERTIES) break;
  }
  if (containerStart < 0) return null;
  inner.reset(bytes, containerStart, containerEnd);
  while (inner.next()) {
    if (inner.type === type) return inner;
    if (inner.type > type) return null;
  }
  return null;
}

// Replaces bytes [start, end) by encoded integers.
function splice(bytes: Uint8Array, start: number, end: number, values: readonly Vi64[]): Uint8Array {
  let size = bytes.length - (end - start);
  for (const value of values) size += vi64Size(value);
  const result = new Uint8Array(size);
  result.set(bytes.subarray(0, start));
  let position = start;
  for (const value of values) position = writeVi64(result, position, value);
  result.set(bytes.subarray(end), position);
  return result;
}
