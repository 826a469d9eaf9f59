import type { Location, ObjectStatus, Vi64 } from '@higgins/protocol';

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

/** Whether two objects for one Location say the same; mutable properties may differ (draft-18 §9.1). */
export function sameObject(a: CachedObject, b: CachedObject): boolean {
  return (
    a.status === b.status && a.subgroup === b.subgroup && a.priority === b.priority && equalBytes(a.payload, b.payload)
  );
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
