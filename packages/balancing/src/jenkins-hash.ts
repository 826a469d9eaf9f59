/** What the Linux kernel adds to every hash before the key: `JHASH_INITVAL`. */
const INITIAL_VALUE = 0xdeadbeef;

const state = new Uint32Array(3);

/**
 * Bob Jenkins' lookup3 over the first `length` bytes, 0 to 2^32 - 1: what `jhash` in the kernel's `include/linux/jhash.h`
 * gives on a little-endian machine. `seed` is any 32-bit number. Keeps no reference to the bytes.
 */
export function jenkinsHash(bytes: Uint8Array, seed: number, length = bytes.length): number {
  let a = (INITIAL_VALUE + length + seed) | 0;
  let b = a;
  let c = a;
  let offset = 0;
  for (; length - offset > 12; offset += 12) {
    state[0] = a + wordAt(bytes, offset);
    state[1] = b + wordAt(bytes, offset + 4);
    state[2] = c + wordAt(bytes, offset + 8);
    mix();
    a = state[0]!;
    b = state[1]!;
    c = state[2]!;
  }
  if (offset === length) return c >>> 0;
  state[0] = a + tailWordAt(bytes, offset, length);
  state[1] = b + tailWordAt(bytes, offset + 4, length);
  state[2] = c + tailWordAt(bytes, offset + 8, length);
  return finish();
}

/** Maps a 32-bit hash to 0 … `size - 1` as the kernel's `reciprocal_scale` does: `(hash * size) >> 32`. */
export function reciprocalScale(hash: number, size: number): number {
  // Exact: the product of a 32-bit hash and a size below 2^21 stays below 2^53.
  return Math.floor((hash * size) / 0x1_0000_0000);
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
}

/** The word at `offset` with zeros for bytes at or behind `length`. */
function tailWordAt(bytes: Uint8Array, offset: number, length: number): number {
  let word = 0;
  for (let index = Math.min(offset + 4, length) - 1; index >= offset; index--) word = (word << 8) | bytes[index]!;
  return word;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** lookup3's `mix` on the three words of the state. */
function mix(): void {
  let a = state[0]! | 0;
  let b = state[1]! | 0;
  let c = state[2]! | 0;
  a = (a - c) ^ rotateLeft(c, 4);
  c = (c + b) | 0;
  b = (b - a) ^ rotateLeft(a, 6);
  a = (a + c) | 0;
  c = (c - b) ^ rotateLeft(b, 8);
  b = (b + a) | 0;
  a = (a - c) ^ rotateLeft(c, 16);
  c = (c + b) | 0;
  b = (b - a) ^ rotateLeft(a, 19);
  a = (a + c) | 0;
  c = (c - b) ^ rotateLeft(b, 4);
  b = (b + a) | 0;
  state[0] = a;
  state[1] = b;
  state[2] = c;
}

/** lookup3's `final` on the three words of the state; the hash is the last word. */
function finish(): number {
  let a = state[0]! | 0;
  let b = state[1]! | 0;
  let c = state[2]! | 0;
  c = (c ^ b) - rotateLeft(b, 14);
  a = (a ^ c) - rotateLeft(c, 11);
  b = (b ^ a) - rotateLeft(a, 25);
  c = (c ^ b) - rotateLeft(b, 16);
  a = (a ^ c) - rotateLeft(c, 4);
  b = (b ^ a) - rotateLeft(a, 14);
  c = (c ^ b) - rotateLeft(b, 24);
  return c >>> 0;
}
