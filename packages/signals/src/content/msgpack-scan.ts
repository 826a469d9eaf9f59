import { malformed, Nesting } from './scan.js';

const PLAIN = 'text keys and no extension types';

/** How the item with a given first byte goes on: `fixed` bytes, then a length of `lengthBytes` that counts `counts`. */
interface Head {
  readonly fixed: number;
  readonly lengthBytes: 0 | 1 | 2 | 4;
  readonly counts: 'nothing' | 'bytes' | 'items' | 'pairs';
  readonly isText: boolean;
}

// One entry per first byte.
const HEADS: readonly (Head | null)[] = Array.from({ length: 256 }, (_, first) => headOf(first));

/**
 * Walks MessagePack and throws SchemaError if it is truncated, too deep, has keys that are no text, or extension types:
 * a decoder attaches behaviour to those. Returns the number of map pairs.
 */
export function scanMsgpack(bytes: Uint8Array): number {
  const nesting = new Nesting();
  let offset = 0;
  while (!nesting.complete) {
    if (offset >= bytes.length) throw malformed('MessagePack', offset, 'an end', 'all of its items');
    const head = HEADS[bytes[offset]!];
    if (head == null) throw malformed('MessagePack', offset, 'an extension or reserved type', PLAIN);
    if (nesting.expectsKey && !head.isText) throw malformed('MessagePack', offset, 'a key that is no text', PLAIN);
    offset = scanItem(bytes, offset, head, nesting);
  }
  if (offset !== bytes.length) throw malformed('MessagePack', offset, 'a second value', 'one value');
  return nesting.pairs;
}

function scanItem(bytes: Uint8Array, offset: number, head: Head, nesting: Nesting): number {
  const next = offset + 1 + head.lengthBytes;
  if (next > bytes.length) throw malformed('MessagePack', offset, 'a cut head', 'all of its bytes');
  const stated = head.lengthBytes === 0 ? head.fixed : readLength(bytes, offset + 1, head.lengthBytes);
  const count = head.counts === 'pairs' ? stated * 2 : stated;
  // Every item takes a byte at least, so a count beyond what is left is a lie that a decoder might allocate for.
  if (count > bytes.length - next) {
    throw malformed('MessagePack', offset, 'a length past the end', 'lengths within the payload');
  }
  if (head.counts === 'items' || head.counts === 'pairs') {
    nesting.open(count, head.counts === 'pairs');
    return next;
  }
  nesting.leaf();
  return next + count;
}

function readLength(bytes: Uint8Array, offset: number, lengthBytes: number): number {
  let value = 0;
  for (let index = 0; index < lengthBytes; index++) value = value * 256 + bytes[offset + index]!;
  return value;
}

// The table of formats in the MessagePack specification; what is missing from it is refused.
function headOf(first: number): Head | null {
  if (first <= 0x7f || first >= 0xe0) return plain(0);
  if (first <= 0x8f) return { fixed: first & 15, lengthBytes: 0, counts: 'pairs', isText: false };
  if (first <= 0x9f) return { fixed: first & 15, lengthBytes: 0, counts: 'items', isText: false };
  if (first <= 0xbf) return { fixed: first & 31, lengthBytes: 0, counts: 'bytes', isText: true };
  switch (first) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return plain(0);
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return plain(1);
    case 0xcd: // uint 16
    case 0xd1: // int 16
      return plain(2);
    case 0xca: // float 32
    case 0xce: // uint 32
    case 0xd2: // int 32
      return plain(4);
    case 0xcb: // float 64
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return plain(8);
    default:
      return sized(first);
  }
}

function sized(first: number): Head | null {
  switch (first) {
    case 0xc4: // bin 8, 16, 32
    case 0xc5:
    case 0xc6:
      return { fixed: 0, lengthBytes: lengthBytesOf(first - 0xc4), counts: 'bytes', isText: false };
    case 0xd9: // str 8, 16, 32
    case 0xda:
    case 0xdb:
      return { fixed: 0, lengthBytes: lengthBytesOf(first - 0xd9), counts: 'bytes', isText: true };
    case 0xdc: // array 16, 32
    case 0xdd:
      return { fixed: 0, lengthBytes: lengthBytesOf(first - 0xdb), counts: 'items', isText: false };
    case 0xde: // map 16, 32
    case 0xdf:
      return { fixed: 0, lengthBytes: lengthBytesOf(first - 0xdd), counts: 'pairs', isText: false };
    default:
      return null;
  }
}

function lengthBytesOf(power: number): 1 | 2 | 4 {
  return power === 0 ? 1 : power === 1 ? 2 : 4;
}

function plain(fixed: number): Head {
  return { fixed, lengthBytes: 0, counts: 'nothing', isText: false };
}
