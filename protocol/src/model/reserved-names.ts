import type { TrackNamespace } from './names.js';

const RESERVED = ['.', '.session'].map((text) => [...new TextEncoder().encode(text)].join());
const FIELD_BYTES_MAX = 8;

/**
 * Whether a namespace, or a prefix, is one that no application may use: its first field is `.` or `.session` (draft-18
 * §3.2.1, §3.2.2).
 */
export function isReservedNamespace({ fields }: TrackNamespace): boolean {
  const [first] = fields;
  return first !== undefined && first.length <= FIELD_BYTES_MAX && RESERVED.includes(first.join());
}
