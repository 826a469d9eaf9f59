/**
 * A copy of `bytes` from `start` to `end`, always a plain Uint8Array of its own. Node's Buffer is a Uint8Array whose
 * `slice` shares memory, so that method must not be used on bytes that came from outside.
 */
export function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  // A plain array's own `slice` copies, and saves clearing the memory first.
  if (bytes.constructor === Uint8Array) return bytes.slice(start, end);
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
