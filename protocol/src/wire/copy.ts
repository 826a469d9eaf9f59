/**
 * A copy of `bytes` from `start` to `end`, always a plain Uint8Array of its own. Node's Buffer is a Uint8Array whose
 * `slice` shares memory, so that method must not be used on bytes that came from outside.
 */
export function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
