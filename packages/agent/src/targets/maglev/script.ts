import type { ObjectKind } from '@higgins/netlink';
import { SHARED } from './names.js';
import type { Ruleset, TableFamily, TableSpec } from './ruleset.js';

/** What stands in one table already, by name. */
export interface ExistingTable {
  readonly chains: ReadonlySet<string>;
  readonly sets: ReadonlyMap<string, 'set' | 'map'>;
  readonly objects: ReadonlyMap<string, ObjectKind>;
}

/** The change of structure to write. */
export interface Change {
  /** Name of the tables. */
  readonly table: string;
  readonly existing: ReadonlyMap<TableFamily, ExistingTable>;
  /** What is known to stand there; null: only names are, and all rules are written. */
  readonly before: Ruleset | null;
  readonly after: Ruleset;
  /** Elements of the set `structure`. */
  readonly oldMark: string | null;
  readonly newMark: string;
}

/** Declares the sets that are filled before any rule looks there. */
export function prepareScript(table: string, sets: readonly { family: TableFamily; line: string }[]): string {
  const families = [...new Set(sets.map(({ family }) => family))];
  return text([...families.map((family) => tableLine(table, family)), ...sets.map(({ line }) => line)]);
}

/** The line that declares a set. */
export function setLine(table: string, family: TableFamily, name: string, spec: TableSpec): string {
  const { kind, body } = spec.sets.get(name)!;
  // Of two that make the first structure, the second is refused.
  const verb = name === SHARED.structure ? 'create' : 'add';
  return `${verb} ${kind} ${family} ${table} ${name} { ${body} }`;
}

/**
 * One transaction for `nft -f`. Chains that stay as they are keep their rules, and what the rules have counted, limited and
 * remembered stays, because it stands in sets and objects. It is refused as a whole if somebody else replaced the
 * structure since it was read: the first step deletes the mark that was found.
 */
export function switchScript(change: Change): string {
  const { table, existing, after, oldMark, newMark } = change;
  const lines: string[] = [];
  if (oldMark !== null) lines.push(`delete element inet ${table} ${SHARED.structure} { ${oldMark} }`);
  else if (existing.get('inet')?.sets.has(SHARED.structure)) lines.push(`flush set inet ${table} ${SHARED.structure}`);
  const families = [...new Set<TableFamily>([...after.keys(), ...existing.keys()])];
  const parts = families.map((family) => new TableChange(change, family));
  for (const part of parts) lines.push(...part.declarations());
  for (const part of parts) lines.push(...part.detach());
  for (const part of parts) lines.push(...part.fill());
  for (const part of parts) lines.push(...part.remove());
  if (after.has('inet')) lines.push(`add element inet ${table} ${SHARED.structure} { ${newMark} }`);
  return text(lines);
}

const EMPTY: TableSpec = { sets: new Map(), objects: new Map(), chains: new Map() };
const NOTHING: ExistingTable = { chains: new Set(), sets: new Map(), objects: new Map() };

class TableChange {
  readonly #at: string;
  readonly #family: TableFamily;
  readonly #table: string;
  readonly #existing: ExistingTable;
  readonly #before: TableSpec | null;
  readonly #after: TableSpec;

  constructor({ table, existing, before, after }: Change, family: TableFamily) {
    this.#table = table;
    this.#family = family;
    this.#at = `${family} ${table}`;
    this.#existing = existing.get(family) ?? NOTHING;
    this.#before = before && (before.get(family) ?? EMPTY);
    this.#after = after.get(family) ?? EMPTY;
  }

  /** What is new, so that rules and elements can name it. */
  declarations(): string[] {
    const { sets, objects, chains } = this.#after;
    if (sets.size + objects.size + chains.size === 0) return [];
    const missing = <T>(all: ReadonlyMap<string, T>, present: { has(name: string): boolean }) =>
      [...all].filter(([name]) => !present.has(name));
    return [
      tableLine(this.#table, this.#family),
      ...missing(objects, this.#existing.objects).map(
        ([name, { kind, body }]) => `add ${kind} ${this.#at} ${name}${inBraces(body)}`,
      ),
      ...missing(sets, this.#existing.sets).map(([name]) => setLine(this.#table, this.#family, name, this.#after)),
      ...missing(chains, this.#existing.chains).map(
        ([name, { hook }]) => `add chain ${this.#at} ${name}${inBraces(hook)}`,
      ),
    ];
  }

  /** Takes away rules and elements that do not stay, so that nothing refers to what is then removed. */
  detach(): string[] {
    const lines: string[] = [];
    for (const name of this.#existing.chains)
      if (!this.#keepsRules(name)) lines.push(`flush chain ${this.#at} ${name}`);
    for (const [name, kind] of this.#existing.sets) {
      const gone = this.#elementsGone(name);
      if (gone === 'all') lines.push(`flush ${kind} ${this.#at} ${name}`);
      else if (gone.length > 0) lines.push(`delete element ${this.#at} ${name} { ${gone.map(keyOf).join(', ')} }`);
    }
    return lines;
  }

  /** New elements and rules. */
  fill(): string[] {
    const lines: string[] = [];
    for (const [name, { elements }] of this.#after.sets) {
      const staying = this.#staying(name);
      if (staying === elements) continue;
      const stay = new Set(staying);
      const added = elements.filter((element) => !stay.has(element));
      if (added.length > 0) lines.push(`add element ${this.#at} ${name} { ${added.join(', ')} }`);
    }
    for (const [name, { rules }] of this.#after.chains) {
      if (this.#existing.chains.has(name) && this.#keepsRules(name)) continue;
      lines.push(...rules.map((rule) => `add rule ${this.#at} ${name} ${rule}`));
    }
    return lines;
  }

  /** What nothing refers to any more. */
  remove(): string[] {
    const obsolete = (names: Iterable<string>, wanted: ReadonlyMap<string, unknown>) =>
      [...names].filter((name) => !wanted.has(name));
    const { sets, objects, chains } = this.#existing;
    return [
      // Maps first: their elements hold chains and objects.
      ...obsolete(sets.keys(), this.#after.sets).map((name) => `delete ${sets.get(name)} ${this.#at} ${name}`),
      ...obsolete(chains, this.#after.chains).map((name) => `delete chain ${this.#at} ${name}`),
      ...obsolete(objects.keys(), this.#after.objects).map((name) => `delete ${objects.get(name)} ${this.#at} ${name}`),
    ];
  }

  #keepsRules(chain: string): boolean {
    const before = this.#before?.chains.get(chain);
    const after = this.#after.chains.get(chain);
    return before !== undefined && after !== undefined && sameTexts(before.rules, after.rules);
  }

  /** Elements of the structure that are in the kernel and are to go; `all` where it is not known which are there. */
  #elementsGone(name: string): readonly string[] | 'all' {
    const after = this.#after.sets.get(name);
    if (!after || after.content !== null) return [];
    const before = this.#before?.sets.get(name);
    if (!before) return 'all';
    if (before.elements === after.elements) return [];
    const wanted = new Set(after.elements);
    return before.elements.filter((element) => !wanted.has(element));
  }

  #staying(name: string): readonly string[] {
    return this.#existing.sets.has(name) ? (this.#before?.sets.get(name)?.elements ?? []) : [];
  }
}

function inBraces(body: string): string {
  return body === '' ? '' : ` { ${body} }`;
}

function keyOf(element: string): string {
  return element.split(' : ')[0]!;
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((text, index) => text === b[index]));
}

function tableLine(table: string, family: TableFamily): string {
  return `add table ${family} ${table} { comment "Higgins Bus balancer"; }`;
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
