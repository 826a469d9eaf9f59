import { isDeepStrictEqual } from 'node:util';
import { VI64_MAX } from '@higgins/protocol';
import { Finding, hex, isOrderly, type Outcome, type Target, unhex } from '../frame/finding.js';
import type { Random } from '../frame/random.js';

/** What a decoder made of some bytes. `error`: class and code, null if it took them all. */
export interface Reading {
  readonly items: readonly unknown[];
  readonly error: string | null;
  readonly message: string;
}

/** A wire format with its decoder and its encoder. */
export interface Format {
  readonly name: string;
  /** Draws valid input, changed or not, and the place or mode that it is for. */
  draw(random: Random): { readonly mode: string; readonly bytes: Uint8Array; readonly changed: boolean };
  /** Feeds the pieces to a new decoder, `take` gets each item. The decoder may throw. */
  decode(mode: string, pieces: Iterable<Uint8Array>, take: (item: unknown) => void): void;
  /** Encodes what `decode` gave; null where the draft's encoder has no form for it. */
  encode(mode: string, items: readonly unknown[]): Uint8Array | null;
  /** Whether unchanged bytes are encoded as they were; default: they are. */
  isCanonical?(bytes: Uint8Array): boolean;
}

interface Input {
  readonly mode: string;
  readonly hex: string;
  readonly changed: boolean;
  readonly pieceBytes: number;
}

/**
 * Judges a decoder: it throws nothing but the errors that the draft names, takes what an encoder made, does not depend
 * on how bytes are split or on what becomes of them afterwards, and decoding what was encoded anew changes nothing.
 */
export function decoderTarget(format: Format): Target {
  return {
    name: format.name,
    fuzz(random) {
      const { bytes, mode, changed } = format.draw(random);
      return judge(format, { mode, changed, pieceBytes: random.pick([1, 2, 3, 5, 11, 64]), bytes });
    },
    replay(input) {
      const { hex: text, ...others } = input as Input;
      return judge(format, { ...others, bytes: unhex(text) });
    },
  };
}

type Drawn = Omit<Input, 'hex'> & { readonly bytes: Uint8Array };

function judge(format: Format, drawn: Drawn): Outcome {
  const { bytes, ...others } = drawn;
  const fail = (message: string): never => {
    throw new Finding(`${format.name}: ${message}`, { ...others, hex: hex(bytes) });
  };
  const whole = read(format, drawn.mode, [bytes], fail);
  if (!drawn.changed && whole.error !== null) fail(`refuses what its encoder made: ${whole.message}`);
  const split = read(format, drawn.mode, lent(bytes, drawn.pieceBytes), fail);
  if (!sameReading(whole, split)) fail(`reads pieces otherwise: ${whole.message} against ${split.message}`);
  if (!isWithin64Bits(whole.items)) fail('decodes an integer that 64 bits do not hold');
  checkIdentity(format, drawn, whole.items, fail);
  return { bytes: bytes.length, passedFirst: whole.items.length > 0 };
}

function read(format: Format, mode: string, pieces: Iterable<Uint8Array>, fail: (message: string) => never): Reading {
  const items: unknown[] = [];
  try {
    format.decode(mode, pieces, (item) => items.push(item));
    return { items, error: null, message: 'no error' };
  } catch (error) {
    if (!isOrderly(error)) return fail(`throws ${String(error)}`);
    return { items, error: `${error.name} ${error.code}`, message: error.message };
  }
}

function sameReading(a: Reading, b: Reading): boolean {
  return a.error === b.error && isDeepStrictEqual(a.items, b.items);
}

// Canonical too: a bigint only where a number is not exact (draft-18 §1.4.1).
function isWithin64Bits(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0;
  if (typeof value === 'bigint') return value > Number.MAX_SAFE_INTEGER && value <= VI64_MAX;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return true;
  return Object.values(value).every(isWithin64Bits);
}

// Text that only people read may be shortened or repaired once; then nothing changes any more.
function checkIdentity(
  format: Format,
  { mode, changed, bytes }: Drawn,
  items: readonly unknown[],
  fail: (message: string) => never,
): void {
  const encoded = format.encode(mode, items);
  if (encoded === null) return;
  if (!changed && (format.isCanonical?.(bytes) ?? true) && hex(encoded) !== hex(bytes)) {
    fail('encodes what its encoder made to something else');
  }
  const again = read(format, mode, [encoded], fail);
  if (again.error !== null) fail(`refuses its own encoding: ${again.message}`);
  if (isDeepStrictEqual(again.items, items)) return;
  const third = format.encode(mode, again.items);
  if (!JSON.stringify(items, printable).includes('\\ufffd') && !JSON.stringify(items, printable).includes('\ufffd')) {
    fail('decodes its own encoding to something else');
  }
  if (third === null || hex(third) !== hex(encoded)) fail('encodes what it decoded to something else');
}

function printable(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

// The bytes are overwritten as soon as the decoder has had them: it must not keep what it was only lent. They are a
// Buffer, whose `slice` would keep them.
function* lent(bytes: Uint8Array, pieceBytes: number): Generator<Uint8Array> {
  // A long body byte by byte shows nothing that its first bytes do not.
  const size = bytes.length > 4096 ? Math.max(pieceBytes, 97) : pieceBytes;
  const copy = Buffer.from(bytes);
  for (let start = 0; start < bytes.length; start += size) {
    yield copy.subarray(start, start + size);
    copy.fill(0xee, start, Math.min(start + size, copy.length));
  }
}
