/** What is wrong with a payload or with a value that was to become one. */
export type SchemaErrorCode =
  | 'TOO_LARGE' // bytes of the payload, before anything is decoded
  | 'TOO_DEEP' // nesting, before anything is decoded
  | 'MALFORMED' // not the content format, or a feature of it that payloads do not use
  | 'SCHEMA_VERSION' // written by a newer major version than this code reads
  | 'MISSING'
  | 'TYPE'
  | 'RANGE'
  | 'ORDER'
  | 'DUPLICATE'
  | 'HOST_BITS'
  | 'FAMILY'
  | 'TOO_MANY'
  | 'DELETED'; // a tombstone where a value was asked for

/** What is wrong with a name. */
export type NameErrorCode =
  | 'EMPTY'
  | 'LEADING_DOT'
  | 'CONTROL_CHARACTER'
  | 'ESCAPE'
  | 'NOT_TEXT'
  | 'NOT_A_CIDR'
  | 'TOO_MANY_FIELDS'
  | 'TOO_LONG'
  | 'TRACK_NAME';

const SHOWN_CHARACTERS_MAX = 64;

/** The payload or value is refused: the last good value stays, and the refusal is acknowledged with this message. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  readonly code: SchemaErrorCode;
  /** Path of the field, such as `entries.ipv4[17]`; `payload` for the whole. */
  readonly field: string;
  /** What stands there, shortened to 64 characters. */
  readonly value: string;
  readonly expected: string;

  constructor(code: SchemaErrorCode, field: string, value: unknown, expected: string) {
    const shown = show(value);
    super(`${field} is ${shown}, expected ${expected}`);
    this.code = code;
    this.field = field;
    this.value = shown;
    this.expected = expected;
  }
}

/** A name breaks the rules for segments; the request that carries it is refused, the session goes on. */
export class NameError extends Error {
  override readonly name = 'NameError';
  readonly code: NameErrorCode;
  /** The offending segment, shortened to 64 characters. */
  readonly segment: string;
  /** Position of the segment in the namespace, from 0; null if the name as a whole is refused. */
  readonly index: number | null;
  readonly expected: string;

  constructor(code: NameErrorCode, segment: string, index: number | null, expected: string) {
    const shown = shorten(segment);
    const place = index === null ? 'name' : `segment ${index}`;
    super(`${place} "${shown}" is refused, expected ${expected}`);
    this.code = code;
    this.segment = shown;
    this.index = index;
    this.expected = expected;
  }
}

/** A value as an error message shows it: short, and bounded work whatever the value. */
function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `"${shorten(value)}"`;
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'undefined':
      return String(value);
    default:
      return showObject(value);
  }
}

function showObject(value: unknown): string {
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Map) return `a map of ${value.size}`;
  return `a value of type ${typeof value}`;
}

function shorten(text: string): string {
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX - 1)}…`;
}
