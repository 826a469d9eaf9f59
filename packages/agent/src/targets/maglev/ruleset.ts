import type { Content } from './contents.js';

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
  readonly sets = new Map<
    string,
    { kind: 'set' | 'map'; body: string; elements: string[]; content: SetSpec['content'] }
  >();
  readonly objects = new Map<string, ObjectSpec>();
  readonly chains = new Map<string, { hook: string; rules: string[] }>();

  /** Declares a set or map, and returns its name. */
  set(kind: 'set' | 'map', name: string, body: string, content: SetSpec['content'] = null): string {
    if (!this.sets.has(name)) this.sets.set(name, { kind, body, elements: [], content });
    return name;
  }

  /** Adds an element to a declared set. */
  element(set: string, element: string): void {
    this.sets.get(set)!.elements.push(element);
  }

  object(kind: ObjectSpec['kind'], name: string, body: string): string {
    if (!this.objects.has(name)) this.objects.set(name, { kind, body });
    return name;
  }

  chain(name: string, hook = ''): string {
    if (!this.chains.has(name)) this.chains.set(name, { hook, rules: [] });
    return name;
  }

  rule(chain: string, ...rules: readonly string[]): void {
    this.chains.get(this.chain(chain))!.rules.push(...rules);
  }
}

/** The ruleset as text without the contents that netlink writes: equal texts are equal structures. */
export function rulesetText(ruleset: Ruleset): string {
  const lines: string[] = [];
  for (const [family, table] of ruleset) {
    lines.push(`table ${family}`);
    for (const [name, { kind, body }] of table.objects) lines.push(`  ${kind} ${name} { ${body} }`);
    for (const [name, { kind, body, elements }] of table.sets) {
      lines.push(`  ${kind} ${name} { ${body} }`, ...elements.map((element) => `    ${element}`));
    }
    for (const [name, { hook, rules }] of table.chains) {
      lines.push(`  chain ${name}${hook === '' ? '' : ` { ${hook} }`}`, ...rules.map((rule) => `    ${rule}`));
    }
  }
  return lines.join('\n');
}
