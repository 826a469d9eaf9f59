import { type FullTrackName, fullTrackName, type TrackNamespace, trackNamespace } from './names.js';

/** Bytes that stand for themselves: a-z, A-Z, 0-9 and `_` (draft-18 §1.4.5). */
const LITERAL = /^[A-Za-z0-9_]$/;
/** One byte of a field: literal, or `.` and two lower-case hex digits. */
const BYTE = /[A-Za-z0-9_]|\.[0-9a-f]{2}/y;

/**
 * The safe text form of a Full Track Name for logs and files (draft-18 §1.4.5): fields joined by `-`, then `--` and the
 * name; bytes that are not letters, digits or `_` as `.` and two hex digits. `parseTrackName` is its inverse.
 */
export function formatTrackName(name: FullTrackName): string {
  return `${formatNamespace(name.namespace)}--${formatField(name.name)}`;
}

/** The safe text form of a Track Namespace, prefix or suffix. */
export function formatNamespace(namespace: TrackNamespace): string {
  return namespace.fields.map(formatField).join('-');
}

/**
 * Reads what `formatTrackName` writes, or returns null: each name has one text form only (draft-18 §1.4.5.1). Limits
 * of the draft are not checked.
 */
export function parseTrackName(text: string): FullTrackName | null {
  const mark = text.indexOf('--');
  if (mark < 0) return null;
  const namespace = mark === 0 ? [] : text.slice(0, mark).split('-').map(parseField);
  const name = parseField(text.slice(mark + 2));
  if (name === null) return null;
  const fields = namespace.filter((field) => field !== null && field.length > 0) as Uint8Array[];
  return fields.length === namespace.length ? fullTrackName(trackNamespace(fields), name) : null;
}

function formatField(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    text += LITERAL.test(character) ? character : `.${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

function parseField(text: string): Uint8Array | null {
  const bytes: number[] = [];
  BYTE.lastIndex = 0;
  while (BYTE.lastIndex < text.length) {
    const token = BYTE.exec(text)?.[0];
    if (token === undefined) return null;
    const byte = token.length === 1 ? token.charCodeAt(0) : Number.parseInt(token.slice(1), 16);
    if (token.length > 1 && LITERAL.test(String.fromCharCode(byte))) return null;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
