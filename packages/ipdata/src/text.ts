import { AddressError } from './errors.js';
import { bitsOf, type Family, hostBitsAreZero, maskOfWord, wordsOf } from './words.js';

/** One block of addresses. `words` holds the first address, most significant word first: 1 for IPv4, 4 for IPv6. */
export interface Prefix {
  readonly family: Family;
  readonly words: Uint32Array;
  /** Bits of the network part: 0 to 32, or 0 to 128. */
  readonly length: number;
}

// The longest forms are 43 characters; a mixed IPv6 form with a prefix length has 49.
const TEXT_CHARACTERS_MAX = 49;
const ZERO = 0x30;
const DOT = 0x2e;
const COLON = 0x3a;
/** The eight groups of the address that is being read; parsing does not nest. */
const groups = new Uint16Array(8);

/**
 * Reads an address as a prefix of full length. Throws AddressError for anything but a plain IPv4 address in dotted
 * decimal without leading zeros or an IPv6 address of RFC 4291 without zone; IPv4-mapped IPv6 (`::ffff:0:0/96`) is
 * refused, because the same host would then have two spellings.
 */
export function parseAddress(text: string): Prefix {
  refuseOverlong(text, 'an IPv4 or IPv6 address');
  const family = text.includes(':') ? 6 : 4;
  const words = family === 4 ? Uint32Array.of(parseIpv4(text, text)) : parseIpv6(text, text);
  refuseMapped(words, text);
  return { family, words, length: bitsOf(family) };
}

/**
 * Reads `address/length`; a bare address stands for itself alone. Throws AddressError as `parseAddress` does, and if the
 * length is missing, out of range or has leading zeros, or if bits behind it are set.
 */
export function parsePrefix(text: string): Prefix {
  refuseOverlong(text, 'an IPv4 or IPv6 prefix');
  const slash = text.indexOf('/');
  if (slash < 0) return parseAddress(text);
  const addressText = text.slice(0, slash);
  const family = addressText.includes(':') ? 6 : 4;
  const words = family === 4 ? Uint32Array.of(parseIpv4(addressText, text)) : parseIpv6(addressText, text);
  const length = parseLength(text, slash + 1, family);
  if (length >= 96) refuseMapped(words, text);
  if (!hostBitsAreZero(words, 0, words.length, length)) {
    const network = words.map((word, index) => word & maskOfWord(length, index));
    throw new AddressError(
      'HOST_BITS',
      text,
      `no bits behind the prefix length, such as ${formatPrefix({ family, words: network, length })}`,
    );
  }
  return { family, words, length };
}

/** The one spelling of an address: dotted decimal, or RFC 5952. `offset` counts words. */
export function formatAddress(family: Family, words: Uint32Array, offset = 0): string {
  if (family === 6) return formatIpv6(words, offset);
  const word = words[offset]!;
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** The one spelling of a prefix, always with its length. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.family, prefix.words)}/${prefix.length}`;
}

// Lists have 100,000 entries: these walk over character codes and make nothing but the result.
function parseIpv4(text: string, whole: string, start = 0): number {
  let word = 0;
  let position = start;
  for (let octet = 0; octet < 4; octet++) {
    if (octet > 0 && text.charCodeAt(position++) !== DOT) throw ipv4Refused(whole);
    const end = endOfNumber(text, position);
    const value = numberIn(text, position, end);
    if (value < 0 || value > 255) throw ipv4Refused(whole);
    word = word * 256 + value;
    position = end;
  }
  if (position !== text.length) throw ipv4Refused(whole);
  return word;
}

function parseIpv6(text: string, whole: string): Uint32Array {
  groups.fill(0);
  let count = 0;
  let gap = -1;
  let position = 0;
  if (text.startsWith('::')) {
    gap = 0;
    position = 2;
  }
  while (position < text.length) {
    if (count === 8) throw ipv6Refused(whole);
    const end = endOfGroup(text, position);
    if (text.charCodeAt(end) === DOT) {
      if (count > 6) throw ipv6Refused(whole);
      const word = parseIpv4(text, whole, position);
      groups[count++] = word >>> 16;
      groups[count++] = word & 0xffff;
      break;
    }
    groups[count++] = groupIn(text, position, end, whole);
    position = end;
    if (position === text.length) break;
    if (text.charCodeAt(position++) !== COLON || position === text.length) throw ipv6Refused(whole);
    if (text.charCodeAt(position) !== COLON) continue;
    if (gap >= 0) throw ipv6Refused(whole);
    gap = count;
    position++;
  }
  return wordsOfGroups(count, gap, whole);
}

function ipv4Refused(whole: string): AddressError {
  const expected = 'four decimal numbers from 0 to 255 without leading zeros, such as 192.0.2.1';
  return new AddressError('SYNTAX', whole, expected);
}

function ipv6Refused(whole: string): AddressError {
  return new AddressError('SYNTAX', whole, 'eight groups of hexadecimal digits, one "::" at most, such as 2001:db8::1');
}

// `gap`: how many groups stand before the "::", which is at least one group of zeros; -1 if there is none.
function wordsOfGroups(count: number, gap: number, whole: string): Uint32Array {
  if (gap < 0 ? count !== 8 : count > 7) throw ipv6Refused(whole);
  if (gap >= 0) {
    groups.copyWithin(8 - (count - gap), gap, count);
    groups.fill(0, gap, 8 - (count - gap));
  }
  const words = new Uint32Array(wordsOf(6));
  for (let index = 0; index < 4; index++) words[index] = groups[index * 2]! * 0x1_0000 + groups[index * 2 + 1]!;
  return words;
}

function groupIn(text: string, start: number, end: number, whole: string): number {
  if (end === start || end - start > 4) throw ipv6Refused(whole);
  let value = 0;
  for (let position = start; position < end; position++) value = value * 16 + hexadecimalAt(text, position);
  return value;
}

function endOfGroup(text: string, start: number): number {
  let end = start;
  while (hexadecimalAt(text, end) >= 0) end++;
  return end;
}

/** The value of the hexadecimal digit at a position, or -1 if there is none. */
function hexadecimalAt(text: string, position: number): number {
  const code = text.charCodeAt(position);
  if (code >= ZERO && code <= ZERO + 9) return code - ZERO;
  const letter = (code | 0x20) - 0x61;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

function endOfNumber(text: string, start: number): number {
  let end = start;
  while (text.charCodeAt(end) >= ZERO && text.charCodeAt(end) <= ZERO + 9) end++;
  return end;
}

/** One to three decimal digits without leading zeros, or -1. */
function numberIn(text: string, start: number, end: number): number {
  const digits = end - start;
  if (digits < 1 || digits > 3 || (digits > 1 && text.charCodeAt(start) === ZERO)) return -1;
  let value = 0;
  for (let position = start; position < end; position++) value = value * 10 + text.charCodeAt(position) - ZERO;
  return value;
}

function parseLength(text: string, start: number, family: Family): number {
  const end = endOfNumber(text, start);
  const length = end === text.length ? numberIn(text, start, end) : -1;
  if (length < 0 || length > bitsOf(family)) {
    throw new AddressError('LENGTH', text, `a prefix length from 0 to ${bitsOf(family)} without leading zeros`);
  }
  return length;
}

function refuseMapped(words: Uint32Array, text: string): void {
  if (words.length === 4 && words[0] === 0 && words[1] === 0 && words[2] === 0xffff) {
    throw new AddressError('IPV4_MAPPED', text, `the IPv4 form, such as ${formatAddress(4, words, 3)}`);
  }
}

function refuseOverlong(text: string, expected: string): void {
  if (text.length > TEXT_CHARACTERS_MAX) throw new AddressError('SYNTAX', text, expected);
}

// RFC 5952 §4: lower case, no leading zeros, the first longest run of at least two zero groups becomes "::".
function formatIpv6(words: Uint32Array, offset: number): string {
  let runStart = -1;
  let runLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groupAt(words, offset, end) === 0) end++;
    if (end - start > runLength) {
      runStart = start;
      runLength = end - start;
    }
    if (end > start) start = end - 1;
  }
  if (runStart < 0) return joinGroups(words, offset, 0, 8);
  return `${joinGroups(words, offset, 0, runStart)}::${joinGroups(words, offset, runStart + runLength, 8)}`;
}

function joinGroups(words: Uint32Array, offset: number, start: number, end: number): string {
  let text = '';
  for (let index = start; index < end; index++) {
    text += `${index > start ? ':' : ''}${groupAt(words, offset, index).toString(16)}`;
  }
  return text;
}

function groupAt(words: Uint32Array, offset: number, index: number): number {
  const word = words[offset + (index >>> 1)]!;
  return index % 2 === 0 ? word >>> 16 : word & 0xffff;
}
