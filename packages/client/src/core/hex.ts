import { type FullTrackName, fullTrackName, trackNamespace } from '@higgins/protocol';

/** A Full Track Name as JSON can hold it: the namespace fields, then the Track Name, each in hex. */
export function nameToHex(name: FullTrackName): string[] {
  return [...name.namespace.fields, name.name].map(toHex);
}

/** Inverse of `nameToHex`; null for anything else. */
export function nameOfHex(value: unknown): FullTrackName | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const parts: Uint8Array[] = [];
  for (const part of value) {
    const bytes = fromHex(part);
    if (bytes === null) return null;
    parts.push(bytes);
  }
  const name = parts.pop();
  return name === undefined ? null : fullTrackName(trackNamespace(parts), name);
}

function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

function fromHex(value: unknown): Uint8Array | null {
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})*$/.test(value)) return null;
  return Uint8Array.from({ length: value.length / 2 }, (_, index) =>
    Number.parseInt(value.slice(2 * index, 2 * index + 2), 16),
  );
}
