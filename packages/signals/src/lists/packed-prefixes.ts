import { bitsOf, type Family, formatAddress, type PrefixSet, wordsOf } from '@higgins/ipdata';
import { SchemaError } from '../errors.js';

/**
 * Prefixes as bytes, in the form of BGP's NLRI (RFC 4271 §4.3): a length in bits, then the address cut to whole bytes.
 * They ascend by address, then by length, none twice, and the bits behind each length are zero, so that equal sets have
 * equal bytes and a reader needs no sorting.
 */
export function encodePackedPrefixes(set: PrefixSet): Uint8Array {
  const stride = wordsOf(set.family);
  let size = 0;
  for (const length of set.lengths) size += 1 + bytesOf(length);
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (let index = 0; index < set.size; index++) {
    const length = set.lengths[index]!;
    bytes[offset++] = length;
    for (let byte = 0; byte < bytesOf(length); byte++) {
      bytes[offset++] = set.words[index * stride + (byte >>> 2)]! >>> (24 - 8 * (byte & 3));
    }
  }
  return bytes;
}

/**
 * Reads packed prefixes; the result shares nothing with `bytes`. Throws SchemaError with `field` and the index of the
 * first prefix that is cut, of the wrong family, has host bits set, stands twice or out of order, or is one too many.
 */
export function decodePackedPrefixes(bytes: Uint8Array, family: Family, field: string, entriesMax: number): PrefixSet {
  const size = countPrefixes(bytes, family, field, entriesMax);
  const stride = wordsOf(family);
  const words = new Uint32Array(size * stride);
  const lengths = new Uint8Array(size);
  let offset = 0;
  for (let index = 0; index < size; index++) {
    const length = bytes[offset]!;
    const end = offset + 1 + bytesOf(length);
    lengths[index] = length;
    // Bytes beyond the cut are zero, and so are the fresh arrays.
    for (let at = offset + 1, byte = 0; at < end; at++, byte++) {
      words[index * stride + (byte >>> 2)]! |= bytes[at]! << (24 - 8 * (byte & 3));
    }
    const spare = bytesOf(length) * 8 - length;
    if (spare !== 0 && (bytes[end - 1]! & ((1 << spare) - 1)) !== 0)
      throw hostBits(words, family, field, index, length);
    if (index > 0 && !ascends(words, lengths, stride, index)) throw disorder(words, lengths, family, field, index);
    offset = end;
  }
  return { family, size, words, lengths };
}

function bytesOf(length: number): number {
  return (length + 7) >>> 3;
}

function countPrefixes(bytes: Uint8Array, family: Family, field: string, entriesMax: number): number {
  const bits = bitsOf(family);
  let size = 0;
  let offset = 0;
  while (offset < bytes.length) {
    const length = bytes[offset]!;
    if (length > bits) {
      throw new SchemaError(
        'FAMILY',
        `${field}[${size}]`,
        `/${length}`,
        `an IPv${family} prefix of at most ${bits} bits`,
      );
    }
    offset += 1 + bytesOf(length);
    if (++size > entriesMax) {
      throw new SchemaError('TOO_MANY', field, `more than ${entriesMax} prefixes`, `at most ${entriesMax} entries`);
    }
  }
  if (offset !== bytes.length) {
    throw new SchemaError('MALFORMED', `${field}[${size - 1}]`, 'a cut prefix', 'all bytes of the address');
  }
  return size;
}

function ascends(words: Uint32Array, lengths: Uint8Array, stride: number, index: number): boolean {
  for (let word = index * stride; word < (index + 1) * stride; word++) {
    const previous = words[word - stride]!;
    const current = words[word]!;
    if (previous !== current) return previous < current;
  }
  return lengths[index - 1]! < lengths[index]!;
}

function hostBits(words: Uint32Array, family: Family, field: string, index: number, length: number): SchemaError {
  const value = textAt(words, family, index, length);
  return new SchemaError('HOST_BITS', `${field}[${index}]`, value, 'no bits behind the prefix length');
}

function disorder(words: Uint32Array, lengths: Uint8Array, family: Family, field: string, index: number): SchemaError {
  const value = textAt(words, family, index, lengths[index]!);
  const previous = textAt(words, family, index - 1, lengths[index - 1]!);
  return value === previous
    ? new SchemaError('DUPLICATE', `${field}[${index}]`, value, 'each prefix once')
    : new SchemaError('ORDER', `${field}[${index}]`, value, `a prefix that comes after ${previous}`);
}

function textAt(words: Uint32Array, family: Family, index: number, length: number): string {
  return `${formatAddress(family, words, index * wordsOf(family))}/${length}`;
}
