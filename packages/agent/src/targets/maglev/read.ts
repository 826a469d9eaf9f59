import { type Layout, markedRoutes, type Netlink, type SetContent, type TableStructure } from '@higgins/netlink';
import { bytesOfWords, type Content, contentRead, wordsOf } from './contents.js';
import { contentKind, digestOf, MARK_BASE, SHARED, slotsOfName } from './names.js';
import { type ActualBalancer, setKey } from './plan.js';
import type { Ruleset, TableFamily } from './ruleset.js';
import type { ExistingTable } from './script.js';

/** Readings before a ruleset that never stands still is taken as it is: elements are bound to its generation anyway. */
const READINGS_MAX = 8;
/** Slots that are read at a time; each takes some 200 bytes meanwhile. */
const PORTION_SLOTS_MAX = 262_144;
const FAMILIES: readonly TableFamily[] = ['inet', 'ip', 'ip6', 'netdev'];

/** What was read, and whether it is what was written. */
export interface Reading {
  readonly actual: ActualBalancer;
  /** Digest over chains, rules, sets and the elements that only a change of structure touches. */
  readonly readback: string;
  /** The digest that was stored after the structure had been written; null if none is. */
  readonly stored: string | null;
}

/**
 * Reads everything of the balancer, or, of what netlink writes, only the sets of these keys. `written`: what has just been
 * written, whose maps to members need not be read: there are as many as services, and the kernel looks for each from its
 * first set.
 */
export async function readBalancer(
  netlink: Netlink,
  table: string,
  keys: ReadonlySet<string> | null = null,
  written: Ruleset | null = null,
): Promise<Reading> {
  const known = membersWritten(written);
  const wanted = (key: string, name: string) =>
    !known.has(key) && (keys === null || keys.has(key) || contentKind(name) === null);
  for (let reading = 1; ; reading++) {
    const before = await netlink.generation();
    const listings = await listTables(netlink, table);
    const elements = await readElements(netlink, table, listings, wanted);
    if ((await netlink.generation()) === before || reading === READINGS_MAX)
      return assemble(before, listings, new Map([...elements, ...known]));
  }
}

/** Reads structure and its elements alone. */
export function readStructure(netlink: Netlink, table: string, written: Ruleset | null = null): Promise<Reading> {
  return readBalancer(netlink, table, new Set(), written);
}

/** As many keys, from the first, as can be read at a time without taking much memory or time. */
export function firstPortion(keys: Iterable<string>): Set<string> {
  const portion = new Set<string>();
  let slots = 0;
  for (const key of keys) {
    slots += slotsOfName(key);
    if (slots > PORTION_SLOTS_MAX && portion.size > 0) break;
    portion.add(key);
  }
  return portion;
}

/** The digest that is the one element of a set; null if there is none, or more. */
export function digestRead(read: SetContent | undefined): string | null {
  if (read?.count !== 1) return null;
  const words = wordsOf(read.keys);
  return words.map((word) => word.toString(16).padStart(8, '0')).join('');
}

interface Listing {
  readonly existing: ExistingTable;
  readonly references: ReadonlySet<string>;
  /** Everything but elements, as text. */
  readonly stable: string;
}

type Listings = ReadonlyMap<TableFamily, Listing>;
type Elements = ReadonlyMap<string, SetContent>;

/** Maps from marks to members' chains, as the kernel gives them back: by key. */
function membersWritten(written: Ruleset | null): Elements {
  const known = new Map<string, SetContent>();
  for (const [family, { sets }] of written ?? []) {
    for (const [name, { elements }] of sets) if (isMembers(name)) known.set(setKey(family, name), verdictsOf(elements));
  }
  return known;
}

function verdictsOf(elements: readonly string[]): SetContent {
  const pairs = elements.map((element) => element.split(' : ') as [string, string]);
  const entries = pairs.map(([mark, verdict]) => ({ key: bytesOfWords([Number(mark)]), verdict }));
  entries.sort((a, b) => Buffer.compare(a.key, b.key));
  const none = new Float64Array(entries.length).fill(Number.NaN);
  return {
    ...{ keys: Buffer.concat(entries.map(({ key }) => key)), keyBytes: 4, count: entries.length, values: null },
    ...{ verdicts: entries.map(({ verdict }) => verdict), timeoutsMs: none, expiresMs: none },
  };
}

function isMembers(name: string): boolean {
  return name.endsWith('.members');
}

/** Names of the sets of which two generations are told apart by who refers to them. */
const REFERENCES = /(?:s\.\w+\.(?:slots|serving|trial|others|affinity|open|full|places)|list)\.[\w.]+/g;

async function listTables(netlink: Netlink, name: string): Promise<Listings> {
  const listings = new Map<TableFamily, Listing>();
  for (const family of FAMILIES) {
    const structure = await netlink.structure({ family, name });
    if (structure) listings.set(family, listingOf(structure));
  }
  return listings;
}

function listingOf({ chains, sets, maps, objects, rules }: TableStructure): Listing {
  const kinds = [...sets.map((name) => [name, 'set'] as const), ...maps.map((name) => [name, 'map'] as const)];
  const text = Buffer.from(rules).toString('latin1');
  const references: ReadonlySet<string> = new Set(text.match(REFERENCES));
  // What was prepared and is not in use is no part of the structure.
  const used = kinds.filter(([name]) => contentKind(name) === null || references.has(name));
  const names = [...chains, ...used.flat(), ...[...objects].flat()].sort();
  return {
    existing: { chains: new Set(chains), sets: new Map(kinds), objects },
    references,
    stable: `${names.join(' ')}\n${text}`,
  };
}

async function readElements(
  netlink: Netlink,
  table: string,
  listings: Listings,
  wanted: (key: string, name: string) => boolean,
): Promise<Elements> {
  const elements = new Map<string, SetContent>();
  for (const [family, { existing }] of listings) {
    const names = [...existing.sets.keys()].filter(
      (name) => wanted(setKey(family, name), name) && !isFilledByPackets(name),
    );
    const layoutOf = (name: string): Layout => (contentKind(name) === 'intervals' ? 'interval' : 'plain');
    for (let rest = names; rest.length > 0; ) {
      const some = [...firstPortion(rest)];
      const asked = some.map((set) => ({ set, layout: layoutOf(set) }));
      const { sets } = await netlink.snapshot({ family, name: table }, asked);
      some.forEach((name, index) => void elements.set(setKey(family, name), sets[index]!));
      rest = rest.slice(some.length);
    }
  }
  return elements;
}

function isFilledByPackets(name: string): boolean {
  return /^s\.[^.]+\.(affinity|open|full|places)\./.test(name);
}

function assemble(generation: number, listings: Listings, elements: Elements): Reading {
  const contents = new Map<string, Content>();
  const marks = new Map<string, number>();
  const referenced = new Set<string>();
  const stable: string[] = [];
  for (const [family, { existing, references, stable: text }] of listings) {
    for (const name of references) referenced.add(setKey(family, name));
    stable.push(text);
    for (const name of existing.sets.keys()) {
      const read = elements.get(setKey(family, name));
      if (!read) continue;
      const kind = contentKind(name);
      if (kind) contents.set(setKey(family, name), contentRead(kind, read, slotsOfName(name)));
      else if (name !== SHARED.structure && name !== SHARED.readback) stable.push(elementsText(name, read));
      if (isMembers(name)) addMarks(marks, read);
    }
  }
  const existing = new Map([...listings].map(([family, listing]) => [family, listing.existing]));
  return {
    actual: {
      ...{ generation, existing, marks, referenced, contents, ruleset: null, intact: true, routes: markedRoutes() },
      structure: digestRead(elements.get(setKey('inet', SHARED.structure))),
    },
    readback: digestOf(stable.join('\n'), 16),
    stored: digestRead(elements.get(setKey('inet', SHARED.readback))),
  };
}

function addMarks(marks: Map<string, number>, read: SetContent): void {
  wordsOf(read.keys).forEach((mark, index) => {
    const chain = /^goto (.+)$/.exec(read.verdicts?.[index] ?? '')?.[1];
    if (chain !== undefined && mark > MARK_BASE) marks.set(chain, mark);
  });
}

function elementsText(name: string, { keys, values, verdicts }: SetContent): string {
  const hex = (bytes: Uint8Array | null) => Buffer.from(bytes ?? []).toString('hex');
  return `${name} ${hex(keys)} ${hex(values)} ${(verdicts ?? []).join(' ')}`;
}
