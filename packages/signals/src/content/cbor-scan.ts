import { malformed, Nesting } from './scan.js';

const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;
const MAJOR_SIMPLE = 7;
const DEFINITE = 'definite lengths, text keys and no tags';

/**
 * Walks CBOR (RFC 8949) and throws SchemaError if it is truncated, too deep, or anything but unsigned and negative
 * integers, byte and text strings, arrays, maps with text keys, booleans, null and floats of definite length. Tags stay
 * out because a decoder attaches behaviour to them. Returns the number of map pairs.
 */
export function scanCbor(bytes: Uint8Array): number {
  const nesting = new Nesting();
  let offset = 0;
  while (!nesting.complete) {
    if (offset >= bytes.length) throw malformed('CBOR', offset, 'an end', 'all of its items');
    const major = bytes[offset]! >>> 5;
    if (nesting.expectsKey && major !== MAJOR_TEXT) throw malformed('CBOR', offset, 'a key that is no text', DEFINITE);
    offset = scanItem(bytes, offset, major, nesting);
  }
  if (offset !== bytes.length) throw malformed('CBOR', offset, 'a second value', 'one value');
  return nesting.pairs;
}

// Returns the offset behind the item's head, and behind its content if it is a string.
function scanItem(bytes: Uint8Array, offset: number, major: number, nesting: Nesting): number {
  const information = bytes[offset]! & 31;
  if (information > 27) throw malformed('CBOR', offset, 'an indefinite or reserved length', DEFINITE);
  const next = offset + 1 + (information < 24 ? 0 : 1 << (information - 24));
  if (next > bytes.length) throw malformed('CBOR', offset, 'a cut head', 'all of its bytes');
  if (major === MAJOR_TAG) throw malformed('CBOR', offset, 'a tag', DEFINITE);
  if (major === MAJOR_SIMPLE) checkSimple(information, offset);
  if (major === MAJOR_ARRAY || major === MAJOR_MAP) {
    const count = readArgument(bytes, offset, information);
    checkCount(bytes, offset, next, major === MAJOR_MAP ? count * 2 : count);
    nesting.open(major === MAJOR_MAP ? count * 2 : count, major === MAJOR_MAP);
    return next;
  }
  nesting.leaf();
  if (major !== MAJOR_BYTES && major !== MAJOR_TEXT) return next;
  const length = readArgument(bytes, offset, information);
  checkCount(bytes, offset, next, length);
  return next + length;
}

// Every item takes a byte at least, so a count beyond what is left is a lie that a decoder might allocate for.
function checkCount(bytes: Uint8Array, offset: number, next: number, count: number): void {
  if (count > bytes.length - next)
    throw malformed('CBOR', offset, 'a length past the end', 'lengths within the payload');
}

function checkSimple(information: number, offset: number): void {
  const allowed = (information >= 20 && information <= 22) || information >= 25;
  if (!allowed) throw malformed('CBOR', offset, 'a simple value', 'false, true, null and floats only');
}

function readArgument(bytes: Uint8Array, offset: number, information: number): number {
  if (information < 24) return information;
  let value = 0;
  for (let index = 0; index < 1 << (information - 24); index++) value = value * 256 + bytes[offset + 1 + index]!;
  return value;
}
