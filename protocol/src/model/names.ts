/**
 * A Track Namespace: 0 to 32 fields of at least one byte each (draft-18 §2.4.1). Fields are bytes, not text.
 *
 * `key` is an injective text form of the fields: equal keys mean equal namespaces, so it serves as a Map key. The key
 * of a namespace is a string prefix of the key of every namespace that it is a prefix of.
 */
export interface TrackNamespace {
  readonly fields: readonly Uint8Array[];
  readonly key: string;
}

/** A Track Namespace with a Track Name: what a request and a cache know a track by (draft-18 §2.4.1). */
export interface FullTrackName {
  readonly namespace: TrackNamespace;
  readonly name: Uint8Array;
  readonly key: string;
}

/** Makes a namespace of fields, which are not copied; the caller has checked the limits. */
export function trackNamespace(fields: readonly Uint8Array[]): TrackNamespace {
  let key = '';
  for (const field of fields) key += keyOf(field);
  return { fields, key };
}

/** Makes a full name; nothing is copied, and the caller has checked the limits. */
export function fullTrackName(namespace: TrackNamespace, name: Uint8Array): FullTrackName {
  return { namespace, name, key: `${namespace.key}|${latin1(name)}` };
}

/** Whether every field of `prefix` stands at the start of `namespace`. */
export function hasPrefix(namespace: TrackNamespace, prefix: TrackNamespace): boolean {
  return namespace.key.startsWith(prefix.key);
}

/** What follows `prefix` in a namespace that starts with it. */
export function suffixOf(namespace: TrackNamespace, prefix: TrackNamespace): TrackNamespace {
  return trackNamespace(namespace.fields.slice(prefix.fields.length));
}

// The length in front makes the key injective; `/` cannot follow it as part of a longer number.
function keyOf(field: Uint8Array): string {
  return `${field.length}/${latin1(field)}`;
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
