import type { Family, IpSet, PrefixSet } from '@higgins/ipdata';
import { prefixTexts } from '@higgins/ipdata';
import type { Content } from '../content/content.js';
import { Fields } from '../content/fields.js';
import { defineState, type Schema } from '../define.js';
import { SchemaError } from '../errors.js';
import { IDENTIFIER_CHARACTERS_MAX, ISP_CHARACTERS_MAX, LIST_BYTES_MAX, LIST_ENTRIES_MAX } from '../limits.js';
import type { ContentFormat, ExpiryMode, StateSignal } from '../signal.js';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../time.js';
import {
  checkAsn,
  countEntries,
  type ListEntries,
  normalizeIsp,
  parseAddresses,
  tooManyEntries,
} from './list-entries.js';
import { decodePackedPrefixes, encodePackedPrefixes } from './packed-prefixes.js';

/** A named IP list: the whole of it, each time. */
export interface NamedList {
  /** The organisation that owns the list, or `platform`; 1 to 256 characters, fixed when the list is created. */
  readonly owner: string;
  /** Rises with every commit, from 1. A renewal has the version of the value that it renews. */
  readonly version: number;
  /** When this version was committed, on the writer's wall clock; for people, never for decisions. */
  readonly createdWallMs: number | null;
  /** What a rule that names the list does once it has expired; travels inside, because it must be known offline. */
  readonly expiry: ExpiryMode;
  readonly entries: ListEntries;
}

const EXPIRY_MODES: readonly ExpiryMode[] = ['open', 'closed', 'hold', 'unset'];

const schema: Schema<NamedList> = { version: 1000, write, read };

const ROW = {
  shape: 'state',
  writer: 'control plane',
  consumers: ['agent: nft, haproxy, xds, powerdns', 'prober', 'gslb', 'ddos'],
  ttlMs: DAY_MS,
  ttlMsMin: SECOND_MS,
  ttlMsMax: 30 * DAY_MS,
  renewalMs: 8 * HOUR_MS,
  onExpiry: 'unset',
  retentionMs: 7 * DAY_MS,
  bytesMax: LIST_BYTES_MAX,
} as const;

/** `org/{org}/lists/{list}`: a list of a customer. */
export const organisationList: StateSignal<{ readonly org: string; readonly list: string }, NamedList> = defineState(
  { ...ROW, id: 'organisation-list', pattern: 'org/{org}/lists/{list}' },
  schema,
);

/** `platform/lists/{list}`: a list of the platform, which every organisation may refer to. */
export const platformList: StateSignal<{ readonly list: string }, NamedList> = defineState(
  { ...ROW, id: 'platform-list', pattern: 'platform/lists/{list}' },
  schema,
);

function write(list: NamedList, format: ContentFormat): Map<string, unknown> {
  const { ipv4, ipv6, asns, isps } = list.entries;
  checkFamily(ipv4, 4);
  checkFamily(ipv6, 6);
  const content = new Map<string, unknown>([
    ['owner', list.owner],
    ['version', list.version],
    ['expiry', list.expiry],
  ]);
  if (list.createdWallMs !== null) content.set('createdWallMs', list.createdWallMs);
  if (ipv4.size > 0) content.set('ipv4', writePrefixes(ipv4, format));
  if (ipv6.size > 0) content.set('ipv6', writePrefixes(ipv6, format));
  if (asns.length > 0) content.set('asns', [...asns]);
  if (isps.length > 0) content.set('isps', [...isps]);
  return content;
}

function read(content: Content, format: ContentFormat): NamedList {
  const fields = new Fields(content);
  const entries: ListEntries = {
    ipv4: readPrefixes(fields, 'ipv4', 4, format),
    ipv6: readPrefixes(fields, 'ipv6', 6, format),
    asns: fields.has('asns') ? readAsns(fields) : new Uint32Array(0),
    isps: fields.has('isps') ? readIsps(fields) : [],
  };
  if (countEntries(entries) > LIST_ENTRIES_MAX) throw tooManyEntries(countEntries(entries));
  return {
    owner: fields.text('owner', 1, IDENTIFIER_CHARACTERS_MAX),
    version: fields.integer('version', 1, Number.MAX_SAFE_INTEGER),
    createdWallMs: fields.optionalInteger('createdWallMs', 0, Number.MAX_SAFE_INTEGER),
    expiry: fields.oneOf('expiry', EXPIRY_MODES),
    entries,
  };
}

// JSON has no byte strings; it is for people and foreign clients, and carries the texts.
function writePrefixes(set: PrefixSet, format: ContentFormat): unknown {
  return format === 'json' ? [...prefixTexts(set)] : encodePackedPrefixes(set);
}

function readPrefixes(fields: Fields, field: 'ipv4' | 'ipv6', family: Family, format: ContentFormat): PrefixSet {
  if (!fields.has(field)) return decodePackedPrefixes(new Uint8Array(0), family, field, 0);
  if (format !== 'json') return decodePackedPrefixes(fields.bytes(field), family, field, LIST_ENTRIES_MAX);
  const texts = fields.array(field, LIST_ENTRIES_MAX).map((value, index) => {
    if (typeof value !== 'string') throw new SchemaError('TYPE', `${field}[${index}]`, value, 'a prefix in text form');
    return value;
  });
  const set = parseAddresses(texts, { field });
  refuseOther(family === 4 ? set.ipv6 : set.ipv4, field, family);
  return set[field];
}

function refuseOther(other: IpSet['ipv4'], field: string, family: Family): void {
  for (const text of prefixTexts(other)) throw new SchemaError('FAMILY', field, text, `IPv${family} prefixes only`);
}

function checkFamily(set: PrefixSet, family: Family): void {
  if (set.family !== family) {
    throw new SchemaError('FAMILY', `ipv${family}`, `an IPv${set.family} set`, `IPv${family} prefixes only`);
  }
}

function readAsns(fields: Fields): Uint32Array {
  const values = fields.array('asns', LIST_ENTRIES_MAX);
  const asns = new Uint32Array(values.length);
  values.forEach((value, index) => {
    asns[index] = checkAsn(value, `asns[${index}]`);
    if (index > 0 && asns[index]! <= asns[index - 1]!) {
      const code = asns[index] === asns[index - 1] ? 'DUPLICATE' : 'ORDER';
      throw new SchemaError(code, `asns[${index}]`, value, `a number above ${asns[index - 1]}`);
    }
  });
  return asns;
}

function readIsps(fields: Fields): string[] {
  const names: string[] = [];
  for (const [index, value] of fields.array('isps', LIST_ENTRIES_MAX).entries()) {
    const field = `isps[${index}]`;
    if (typeof value !== 'string') throw new SchemaError('TYPE', field, value, 'a name');
    if (value === '' || value.length > ISP_CHARACTERS_MAX || normalizeIsp(value) !== value) {
      throw new SchemaError('RANGE', field, value, `a normalised name of 1 to ${ISP_CHARACTERS_MAX} characters`);
    }
    const previous = names.at(-1);
    if (previous !== undefined && value <= previous) {
      throw new SchemaError(
        value === previous ? 'DUPLICATE' : 'ORDER',
        field,
        value,
        `a name that sorts after "${previous}"`,
      );
    }
    names.push(value);
  }
  return names;
}
