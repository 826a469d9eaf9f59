import { formatPrefix, parsePrefix } from '@higgins/ipdata';
import { type FullTrackName, fullTrackName, type TrackNamespace, trackNamespace } from '@higgins/protocol';
import { NameError } from './errors.js';
import { FULL_TRACK_NAME_BYTES_MAX, NAMESPACE_FIELDS_MAX, PATH_CHARACTERS_MAX } from './limits.js';
import type { Stage } from './signal.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const TRACK_NAMES: Readonly<Record<Stage, Uint8Array>> = {
  current: encoder.encode('current'),
  canary: encoder.encode('canary'),
};
// Only a slash and the escape sign itself are ever escaped, so that a name has one text form.
const STRAY_ESCAPE = /%(?!2F|25)/;
const CONTROL_CHARACTER = /\p{Cc}/u;

/**
 * The track that a path such as `org/acme/lists/blocked` names: every segment is a field of the Track Namespace, and the
 * stage is the Track Name. In the text form, `%2F` stands for a slash inside a segment and `%25` for a percent sign.
 * Throws NameError.
 */
export function parsePath(path: string, stage: Stage = 'current'): FullTrackName {
  return trackOfSegments(segmentsOfPath(path), stage);
}

/** The segments of a path, with escapes resolved. Throws NameError. */
export function segmentsOfPath(path: string): string[] {
  if (path.length > PATH_CHARACTERS_MAX) {
    throw new NameError('TOO_LONG', path, null, `at most ${FULL_TRACK_NAME_BYTES_MAX} bytes`);
  }
  return path.split('/').map((segment, index) => {
    if (STRAY_ESCAPE.test(segment)) throw new NameError('ESCAPE', segment, index, 'no escapes but %2F and %25');
    return segment.replaceAll('%2F', '/').replaceAll('%25', '%');
  });
}

/** The track with these segments, verbatim: a CIDR holds its slash. Throws NameError. */
export function trackOfSegments(segments: readonly string[], stage: Stage = 'current'): FullTrackName {
  segments.forEach(checkSegment);
  if (segments.length > NAMESPACE_FIELDS_MAX) {
    throw new NameError('TOO_MANY_FIELDS', segments.join('/'), null, `at most ${NAMESPACE_FIELDS_MAX} segments`);
  }
  const fields = segments.map((segment) => encoder.encode(segment));
  const bytes = fields.reduce((sum, field) => sum + field.length, TRACK_NAMES[stage].length);
  if (bytes > FULL_TRACK_NAME_BYTES_MAX) {
    throw new NameError('TOO_LONG', segments.join('/'), null, `at most ${FULL_TRACK_NAME_BYTES_MAX} bytes`);
  }
  return fullTrackName(trackNamespace(fields), TRACK_NAMES[stage]);
}

/** The path of a track, whatever its stage. Throws NameError if it is not a name that `parsePath` could have made. */
export function formatPath(name: FullTrackName): string {
  if (stageOf(name) === null) {
    throw new NameError('TRACK_NAME', textOf(name.name, null), null, 'the Track Name current or canary');
  }
  return formatNamespace(name.namespace);
}

/** The path of a namespace. Throws NameError if a field breaks the rules for segments. */
export function formatNamespace(namespace: TrackNamespace): string {
  return segmentsOf(namespace)
    .map((segment) => segment.replaceAll('%', '%25').replaceAll('/', '%2F'))
    .join('/');
}

/** The fields of a namespace as text. Throws NameError if one breaks the rules for segments. */
export function segmentsOf(namespace: TrackNamespace): string[] {
  return namespace.fields.map((field, index) => {
    const segment = textOf(field, index);
    checkSegment(segment, index);
    return segment;
  });
}

/** Which value of its path a track carries; null if its Track Name is neither. */
export function stageOf(name: FullTrackName): Stage | null {
  if (equal(name.name, TRACK_NAMES.current)) return 'current';
  return equal(name.name, TRACK_NAMES.canary) ? 'canary' : null;
}

/** Throws NameError if `segment` is not one that SDK and grants accept; relays carry more. */
export function checkSegment(segment: string, index: number): void {
  if (segment === '') throw new NameError('EMPTY', segment, index, 'at least one character');
  if (segment.startsWith('.'))
    throw new NameError('LEADING_DOT', segment, index, 'a segment that does not start with "."');
  if (CONTROL_CHARACTER.test(segment))
    throw new NameError('CONTROL_CHARACTER', segment, index, 'no control characters');
  if (segment.includes('/') && !isCanonicalCidr(segment)) {
    throw new NameError('NOT_A_CIDR', segment, index, 'a slash only in a canonical CIDR such as 203.0.113.0/24');
  }
}

function isCanonicalCidr(segment: string): boolean {
  try {
    return formatPrefix(parsePrefix(segment)) === segment;
  } catch {
    return false;
  }
}

function textOf(field: Uint8Array, index: number | null): string {
  try {
    return decoder.decode(field);
  } catch {
    throw new NameError('NOT_TEXT', `${field.length} bytes`, index, 'UTF-8');
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
