import type { Content } from './contents.js';
import { digestOf } from './names.js';

/** Families in which the balancer has a table of its own. */
export type TableFamily = 'inet' | 'ip' | 'ip6' | 'netdev';

/** A set or map. Its name stands for its declaration: another declaration has another name. */
export interface SetSpec {
  readonly kind: 'set' | 'map';
  readonly body: string;
  /** Elements that change with the structure only. */
  readonly elements: readonly string[];
  /** What netlink writes, before a rule looks there and whenever it changes; `packets`: what rules write. */
  readonly content: Content | 'packets' | null;
}

/** A stateful object, whose state outlives changes of the rules around it. */
export interface ObjectSpec {
  readonly kind: 'counter' | 'limit' | 'ct timeout';
  readonly body: string;
}

/** A chain; `hook` is empty unless packets enter the ruleset there. */
export interface ChainSpec {
  readonly hook: string;
  readonly rules: readonly string[];
}

/** Everything that is to stand in one table. */
export interface TableSpec {
  readonly sets: ReadonlyMap<string, SetSpec>;
  readonly objects: ReadonlyMap<string, ObjectSpec>;
  readonly chains: ReadonlyMap<string, ChainSpec>;
}

/** The tables, all of one name. */
export type Ruleset = ReadonlyMap<TableFamily, TableSpec>;

/** Collects a ruleset piece by piece. */
export class RulesetBuilder {
  readonly #tables = new Map<TableFamily, TableBuilder>();

  table(family: TableFamily): TableBuilder {
    let table = this.#tables.get(family);
    if (!table) {
      table = new TableBuilder();
      this.#tables.set(family, table);
    }
    return table;
  }

  build(): Ruleset {
    return this.#tables;
  }
}

/** Collects one table; what is declared twice in the same way is there once. */
export class TableBuilder implements TableSpec {
  readonly sets = new Map<string, SetSpec>();
  readonly objects = new Map<string, ObjectSpec>();
  readonly chains = new Map<string, ChainSpec>();
  /** Lists of elements and rules that are this table's own, and may grow. */
  readonly #elements = new Map<string, string[]>();
  readonly #rules = new Map<string, string[]>();

  /** Declares a set or map, and returns its name. */
  set(kind: 'set' | 'map', name: string, body: string, content: SetSpec['content'] = null): string {
    if (!this.sets.has(name)) this.sets.set(name, { kind, body, elements: NONE, content });
    return name;
  }

  /** Adds an element to a declared set. */
  element(set: string, ...elements: readonly string[]): void {
    let own = this.#elements.get(set);
    if (own === undefined) {
      const spec = this.sets.get(set)!;
      own = [...spec.elements];
      this.#elements.set(set, own);
      this.sets.set(set, { ...spec, elements: own });
    }
    for (const element of elements) own.push(element);
  }

  object(kind: ObjectSpec['kind'], name: string, body: string): string {
    if (!this.objects.has(name)) this.objects.set(name, { kind, body });
    return name;
  }

  chain(name: string, hook = ''): string {
    if (!this.chains.has(name)) this.chains.set(name, { hook, rules: NONE });
    return name;
  }

  rule(chain: string, ...rules: readonly string[]): void {
    let own = this.#rules.get(chain);
    if (own === undefined) {
      const spec = this.chains.get(this.chain(chain))!;
      own = [...spec.rules];
      this.#rules.set(chain, own);
      this.chains.set(chain, { ...spec, rules: own });
    }
    for (const rule of rules) own.push(rule);
  }

  /** Adds what another table has. Its lists are taken as they are where this one has none of that name. */
  merge({ sets, objects, chains }: TableSpec): void {
    for (const [name, object] of objects) if (!this.objects.has(name)) this.objects.set(name, object);
    for (const [name, spec] of sets) {
      if (!this.sets.has(name)) this.sets.set(name, spec);
      else if (spec.elements.length > 0) this.element(name, ...spec.elements);
    }
    for (const [name, spec] of chains) {
      if (!this.chains.has(name)) this.chains.set(name, spec);
      else if (spec.rules.length > 0) this.rule(name, ...spec.rules);
    }
  }
}

const NONE: readonly string[] = [];

/** 64 bits over all that a change of structure writes, that is without the contents of sets that netlink writes. */
export function structureDigest(ruleset: Ruleset): string {
  const lines: string[] = [];
  for (const [family, { objects, sets, chains }] of ruleset) {
    lines.push(`table ${family}`);
    for (const [name, { kind, body }] of objects) lines.push(`${kind} ${name} { ${body} }`);
    for (const [name, { kind, body, elements }] of sets)
      lines.push(`${kind} ${name} { ${body} } ${digestOfLines(elements)}`);
    for (const [name, { hook, rules }] of chains) lines.push(`chain ${name} { ${hook} } ${digestOfLines(rules)}`);
  }
  return digestOf(lines.join('\n'), 16);
}

/** Lists that are the same from change to change are not gone through again; a ruleset's never change once it is built. */
function digestOfLines(lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const digest = DIGESTS.get(lines) ?? digestOf(lines.join('\n'), 16);
  DIGESTS.set(lines, digest);
  return digest;
}

const DIGESTS = new WeakMap<readonly string[], string>();
