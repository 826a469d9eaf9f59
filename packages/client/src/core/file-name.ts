import type { FullTrackName } from '@higgins/protocol';

/** Length of a file name that every file system takes, with room for the suffix of a temporary file. */
const FILE_NAME_LENGTH_MAX = 200;

/**
 * A file name for a track: fields joined by `+`, everything but lower-case letters, digits, `-` and `_` as `%xx`, so
 * that it is safe and distinct on file systems that ignore case. A name that would be too long is cut and closed with
 * a hash; the full name stands in the file, where a reader compares it.
 */
export function trackFileName(name: FullTrackName): string {
  const text = [...name.namespace.fields, name.name].map(escapeField).join('+');
  if (text.length <= FILE_NAME_LENGTH_MAX) return text;
  return `${text.slice(0, FILE_NAME_LENGTH_MAX - 17)}~${hash64(text)}`;
}

function escapeField(field: Uint8Array): string {
  let text = '';
  for (const byte of field) {
    const safe = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f;
    text += safe ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

/** FNV-1a, 64 bits, as 16 hex digits. */
function hash64(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (let index = 0; index < text.length; index++) {
    hash = ((hash ^ BigInt(text.charCodeAt(index))) * 0x100000001b3n) & 0xffff_ffff_ffff_ffffn;
  }
  return hash.toString(16).padStart(16, '0');
}
