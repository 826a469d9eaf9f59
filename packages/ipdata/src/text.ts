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
const DECIMAL_OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const HEXADECIMAL_WORD = /^[0-9a-fA-F]{1,4}$/;
const DECIMAL_LENGTH = /^(?:0|[1-9][0-9]{0,2})$/;

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
  const length = parseLength(text.slice(slash + 1), family, text);
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

function parseIpv4(text: string, whole: string): number {
  const octets = text.split('.');
  const refused = () =>
    new AddressError('SYNTAX', whole, 'four decimal numbers from 0 to 255 without leading zeros, such as 192.0.2.1');
  if (octets.length !== 4) throw refused();
  let word = 0;
  for (const octet of octets) {
    const value = DECIMAL_OCTET.test(octet) ? Number(octet) : 256;
    if (value > 255) throw refused();
    word = word * 256 + value;
  }
  return word;
}

function parseIpv6(text: string, whole: string): Uint32Array {
  const groups = expandIpv6(text, whole);
  const words = new Uint32Array(wordsOf(6));
  groups.forEach((group, index) => {
    words[index >>> 1] = words[index >>> 1]! * 0x1_0000 + group;
  });
  return words;
}

function expandIpv6(text: string, whole: string): number[] {
  const halves = text.split('::');
  if (halves.length > 2) throw ipv6Refused(whole);
  const [head, tail] = halves;
  const before = groupsOf(head!, tail === undefined, whole);
  if (tail === undefined) {
    if (before.length !== 8) throw ipv6Refused(whole);
    return before;
  }
  const after = groupsOf(tail, true, whole);
  const missing = 8 - before.length - after.length;
  if (missing < 1) throw ipv6Refused(whole);
  return [...before, ...new Array<number>(missing).fill(0), ...after];
}

// `mayEndDotted`: the last 32 bits may be written as an IPv4 address (RFC 4291 §2.2).
function groupsOf(text: string, mayEndDotted: boolean, whole: string): number[] {
  if (text === '') return [];
  const parts = text.split(':');
  return parts.flatMap((part, index) => {
    if (mayEndDotted && index === parts.length - 1 && part.includes('.')) {
      const word = parseIpv4(part, whole);
      return [word >>> 16, word & 0xffff];
    }
    if (!HEXADECIMAL_WORD.test(part)) throw ipv6Refused(whole);
    return [Number.parseInt(part, 16)];
  });
}

function ipv6Refused(whole: string): AddressError {
  return new AddressError('SYNTAX', whole, 'eight groups of hexadecimal digits, one "::" at most, such as 2001:db8::1');
}

function parseLength(text: string, family: Family, whole: string): number {
  const length = DECIMAL_LENGTH.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  if (length > bitsOf(family)) {
    throw new AddressError('LENGTH', whole, `a prefix length from 0 to ${bitsOf(family)} without leading zeros`);
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
