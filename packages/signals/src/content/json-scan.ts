import { SchemaError } from '../errors.js';
import { PAYLOAD_DEPTH_MAX, PAYLOAD_ITEMS_MAX } from '../limits.js';
import { itemsExpected, nestingExpected } from './scan.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Walks JSON (RFC 8259) and throws SchemaError if it is nested too deep or has too many items. It leaves the grammar to
 * the parser, which is safe on what passes here. Returns the number of colons outside strings: one per object member.
 */
export function scanJson(bytes: Uint8Array): number {
  let depth = 0;
  let items = 0;
  let pairs = 0;
  for (let offset = 0; offset < bytes.length; offset++) {
    switch (bytes[offset]) {
      case QUOTE:
        offset = endOfString(bytes, offset);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (++depth > PAYLOAD_DEPTH_MAX) {
          throw new SchemaError('TOO_DEEP', 'payload', `nested ${depth} deep`, nestingExpected);
        }
        items++;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COLON:
        pairs++;
        items++;
        break;
      case COMMA:
        items++;
        break;
    }
    if (items > PAYLOAD_ITEMS_MAX) {
      throw new SchemaError('TOO_MANY', 'payload', `more than ${PAYLOAD_ITEMS_MAX} items`, itemsExpected);
    }
  }
  return pairs;
}

// The offset of the closing quote, or of the last byte if there is none.
function endOfString(bytes: Uint8Array, offset: number): number {
  for (let index = offset + 1; index < bytes.length; index++) {
    if (bytes[index] === BACKSLASH) index++;
    else if (bytes[index] === QUOTE) return index;
  }
  return bytes.length - 1;
}
