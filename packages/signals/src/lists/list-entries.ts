import { AddressError, emptyPrefixSet, type IpSet, type PrefixSet, parseIpSet } from '@higgins/ipdata';
import { SchemaError, type SchemaErrorCode } from '../errors.js';
import { ISP_CHARACTERS_MAX, LIST_ENTRIES_MAX } from '../limits.js';

/** The entries of a named list, by kind. ASNs and ISPs travel as such and are expanded where they are enforced. */
export interface ListEntries {
  readonly ipv4: PrefixSet;
  readonly ipv6: PrefixSet;
  /** Autonomous system numbers from 1 to 4,294,967,294, ascending, none twice (RFC 7300 keeps the last one). */
  readonly asns: Uint32Array;
  /** Carrier names, normalised by `normalizeIsp`, in ascending code unit order, none twice. */
  readonly isps: readonly string[];
}

/** The largest AS number that a list may hold. */
export const ASN_MAX = 0xffff_fffe;

const ASN_TEXT = /^AS([1-9][0-9]{0,9})$/i;
const ISP_PREFIX = 'isp:';

/** Entries of a list without any. */
export const EMPTY_ENTRIES: ListEntries = {
  ipv4: emptyPrefixSet(4),
  ipv6: emptyPrefixSet(6),
  asns: new Uint32Array(0),
  isps: [],
};

/** How many entries there are, all kinds together. */
export function countEntries(entries: ListEntries): number {
  return entries.ipv4.size + entries.ipv6.size + entries.asns.length + entries.isps.length;
}

/** A carrier's name in the form in which names are compared: NFC, lower case, single spaces. */
export function normalizeIsp(name: string): string {
  return name.normalize('NFC').toLowerCase().trim().replace(/\s+/gu, ' ');
}

/**
 * Reads entries as people write them: an address, a prefix, `AS64500` or `isp:Example Carrier`. Throws SchemaError with
 * the index of the first that is malformed, stands twice, or is one too many. `entriesMax` is what a list on the bus may
 * have unless it is given.
 */
export function parseListEntries(texts: readonly string[], entriesMax: number = LIST_ENTRIES_MAX): ListEntries {
  if (texts.length > entriesMax) throw tooManyEntries(texts.length, entriesMax);
  const addresses: string[] = [];
  const places: number[] = [];
  const asns = new Map<number, number>();
  const isps = new Map<string, number>();
  texts.forEach((text, index) => {
    const asn = ASN_TEXT.exec(text);
    if (asn) addOnce(asns, checkAsn(Number(asn[1]), `entries[${index}]`), index, text);
    else if (text.startsWith(ISP_PREFIX)) addOnce(isps, checkIsp(text, index), index, text);
    else places[addresses.push(text) - 1] = index;
  });
  const { ipv4, ipv6 } = parseAddresses(addresses, { places, entriesMax });
  return { ipv4, ipv6, asns: Uint32Array.from(asns.keys()).sort(), isps: [...isps.keys()].sort() };
}

/** Throws SchemaError unless `value` is an AS number that a list may hold. */
export function checkAsn(value: unknown, field: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > ASN_MAX) {
    throw new SchemaError('RANGE', field, value, `an AS number from 1 to ${ASN_MAX}`);
  }
  return value;
}

/** The refusal of a list that is too long. */
export function tooManyEntries(count: number, entriesMax: number = LIST_ENTRIES_MAX): SchemaError {
  return new SchemaError('TOO_MANY', 'entries', `${count} entries`, `at most ${entriesMax} entries`);
}

/** How `parseAddresses` names places, and how many entries it takes. */
export interface AddressOptions {
  /** What the index of each text is to be called in an error. */
  readonly places?: readonly number[];
  /** Name of the field in an error; default `entries`. */
  readonly field?: string;
  /** Default is what a list on the bus may have. */
  readonly entriesMax?: number;
}

/** Reads prefixes in text form. Throws SchemaError naming the index, shifted to `places[index]` if that is given. */
export function parseAddresses(texts: readonly string[], options: AddressOptions = {}): IpSet {
  const { places, field = 'entries', entriesMax = LIST_ENTRIES_MAX } = options;
  try {
    return parseIpSet(texts, { entriesMax });
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    const index = error.index ?? 0;
    throw new SchemaError(
      SCHEMA_CODES[error.code],
      `${field}[${places?.[index] ?? index}]`,
      error.value,
      error.expected,
    );
  }
}

const SCHEMA_CODES: Readonly<Record<AddressError['code'], SchemaErrorCode>> = {
  SYNTAX: 'TYPE',
  LENGTH: 'RANGE',
  HOST_BITS: 'HOST_BITS',
  IPV4_MAPPED: 'FAMILY',
  FAMILY: 'FAMILY',
  DUPLICATE: 'DUPLICATE',
  TOO_MANY: 'TOO_MANY',
};

function checkIsp(text: string, index: number): string {
  const name = normalizeIsp(text.slice(ISP_PREFIX.length));
  if (name === '' || name.length > ISP_CHARACTERS_MAX) {
    throw new SchemaError(
      'RANGE',
      `entries[${index}]`,
      text,
      `isp: and a name of 1 to ${ISP_CHARACTERS_MAX} characters`,
    );
  }
  return name;
}

function addOnce<T>(seen: Map<T, number>, value: T, index: number, text: string): void {
  const first = seen.get(value);
  if (first !== undefined) {
    throw new SchemaError('DUPLICATE', `entries[${index}]`, text, `an entry that does not stand at ${first} already`);
  }
  seen.set(value, index);
}
