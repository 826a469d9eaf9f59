import { tryReadVi64, VI64_MAX, type Vi64, vi64Length, vi64Size, writeVi64 } from '@higgins/protocol';
import type { Random } from '../frame/random.js';

/** Changes a message behind its head, and mostly sets its length right again, so that the change reaches the decoder. */
export function mutateMessage(random: Random, message: Uint8Array): Uint8Array {
  const headLength = vi64Length(message[0] ?? 0) + 2;
  if (message.length < headLength || random.oneIn(12)) return mutateBytes(random, message);
  const payload = mutateBytes(random, message.subarray(headLength)).subarray(0, 0xffff);
  const mutated = join([message.subarray(0, headLength), payload]);
  if (random.oneIn(10)) return mutated;
  mutated[headLength - 2] = payload.length >> 8;
  mutated[headLength - 1] = payload.length & 0xff;
  return mutated;
}

/** Changes one piece of a stream: in place, or by dropping, repeating or moving it. */
export function mutatePieces(random: Random, pieces: readonly Uint8Array[]): Uint8Array[] {
  const changed = [...pieces];
  // The first piece says what the stream is: it is changed seldom, so that what follows is reached.
  const at = changed.length > 1 && !random.oneIn(6) ? random.between(1, changed.length - 1) : 0;
  const piece = changed[at] ?? new Uint8Array(0);
  switch (random.below(8)) {
    case 0:
      changed.splice(at, 1);
      break;
    case 1:
      changed.splice(at, 0, piece);
      break;
    case 2:
      changed.splice(at, 1);
      changed.splice(random.below(changed.length + 1), 0, piece);
      break;
    default:
      changed[at] = mutateBytes(random, piece);
  }
  return changed;
}

/** One to three changes of the kinds that wire formats break on. */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  let changed = bytes;
  for (let i = random.between(1, 3); i > 0; i--) changed = random.pick(CHANGES)(random, changed);
  return changed;
}

/** The pieces in one array. */
export function join(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let position = 0;
  for (const piece of pieces) {
    joined.set(piece, position);
    position += piece.length;
  }
  return joined;
}

type Change = (random: Random, bytes: Uint8Array) => Uint8Array;

const flipBit: Change = (random, bytes) => {
  const changed = bytes.slice();
  if (changed.length > 0) changed[random.below(changed.length)]! ^= 1 << random.below(8);
  return changed;
};

/** The first byte tells the type or the flags of most structures. */
const flipHead: Change = (random, bytes) => {
  const changed = bytes.slice();
  if (changed.length > 0) changed[0]! ^= 1 << random.below(8);
  return changed;
};

const setByte: Change = (random, bytes) => {
  const changed = bytes.slice();
  if (changed.length > 0)
    changed[random.below(changed.length)] = random.pick([0, 1, 2, 3, 0x7f, 0x80, 0xc0, 0xfe, 0xff]);
  return changed;
};

/** Another integer where one may stand. */
const setInteger: Change = (random, bytes) => replaceInteger(random, bytes, () => encoded(random.vi64()));

/** The largest integer, whose sum with anything is too large. */
const setLargest: Change = (random, bytes) => replaceInteger(random, bytes, () => encoded(VI64_MAX));

/** A neighbour of the integer that stands there. */
const stepInteger: Change = (random, bytes) =>
  replaceInteger(random, bytes, (value) => encoded(typeof value === 'number' && value > 0 ? value - 1 : 1));

/** The same integer in more bytes than it needs, which the draft allows (draft-18 §1.4.1). */
const widenInteger: Change = (random, bytes) =>
  replaceInteger(random, bytes, (value) => widened(value, random.between(vi64Size(value), 9)));

const drop: Change = (random, bytes) => {
  const start = random.below(bytes.length + 1);
  return join([bytes.subarray(0, start), bytes.subarray(start + random.between(1, 4))]);
};

const insert: Change = (random, bytes) => {
  const start = random.below(bytes.length + 1);
  return join([bytes.subarray(0, start), random.bytes(4, 1), bytes.subarray(start)]);
};

const repeat: Change = (random, bytes) => {
  const start = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, start + random.between(1, 16));
  return join([bytes.subarray(0, end), bytes.subarray(start)]);
};

const cut: Change = (random, bytes) => bytes.slice(0, random.below(bytes.length + 1));

const extend: Change = (random, bytes) => join([bytes, random.bytes(6, 1)]);

const CHANGES: readonly Change[] = [
  ...[flipBit, flipBit, flipHead, flipHead, setByte, setByte],
  ...[setInteger, setInteger, setLargest, stepInteger, widenInteger, widenInteger],
  ...[drop, insert, repeat, cut, extend],
];

function replaceInteger(random: Random, bytes: Uint8Array, replacement: (value: Vi64) => Uint8Array): Uint8Array {
  if (bytes.length === 0) return bytes;
  const start = random.below(bytes.length);
  const value = tryReadVi64(bytes, start, bytes.length);
  if (value === null) return flipBit(random, bytes);
  const end = start + vi64Length(bytes[start]!);
  return join([bytes.subarray(0, start), replacement(value), bytes.subarray(end)]);
}

function encoded(value: Vi64): Uint8Array {
  const bytes = new Uint8Array(vi64Size(value));
  writeVi64(bytes, 0, value);
  return bytes;
}

function widened(value: Vi64, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = BigInt(value);
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  bytes[0]! |= (0xff00 >> (length - 1)) & 0xff;
  return bytes;
}
