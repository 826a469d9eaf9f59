import { findBytes, type Location, type ObjectStatus, PropertyType, type Vi64 } from '@higgins/protocol';

/** Memory of an object beside its bytes, as measured and rounded up; it makes many tiny objects count. */
const OBJECT_OVERHEAD_BYTES = 256;

/** One object as it came, with the times that the relay needs. Byte arrays are shared and never changed. */
export interface CachedObject extends Location {
  /** Null: it was sent as a datagram. */
  readonly subgroup: Vi64 | null;
  readonly status: ObjectStatus;
  readonly priority: number;
  /** Encoded properties as received. */
  readonly properties: Uint8Array;
  readonly payload: Uint8Array;
  readonly receivedMs: number;
  /** From here on the object is not handed out any more; Infinity if nothing limits it. */
  readonly expiresMs: number;
}

/** What an object counts for in the cache's budget. */
export function costOf(object: CachedObject): number {
  return OBJECT_OVERHEAD_BYTES + object.payload.length + object.properties.length;
}

/** Whether two objects for one Location say the same; mutable properties may differ (draft-18 §2.4.2, §9.1). */
export function sameObject(a: CachedObject, b: CachedObject): boolean {
  return (
    a.status === b.status &&
    a.subgroup === b.subgroup &&
    a.priority === b.priority &&
    equalBytes(a.payload, b.payload) &&
    sameImmutable(a.properties, b.properties)
  );
}

// There are relays that drop what they do not know. That is their fault and not the track's, so what one copy lacks
// altogether contradicts nothing.
function sameImmutable(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b || a.length === 0 || b.length === 0) return true;
  const [one, other] = [
    findBytes(a, PropertyType.IMMUTABLE_PROPERTIES),
    findBytes(b, PropertyType.IMMUTABLE_PROPERTIES),
  ];
  return one === null || other === null || equalBytes(one, other);
}

/** Whether two byte strings are equal. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
