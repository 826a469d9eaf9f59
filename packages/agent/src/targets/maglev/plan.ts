import type { MarkedRoute, SetOperation } from '@higgins/netlink';
import { compileRuleset, type Placement, placeService } from './compile.js';
import { batchesOf, bytesOf, type Content, contentChanges } from './contents.js';
import { routeText } from './dsr.js';
import { type Numbering, numberMembers } from './ids.js';
import type { DesiredBalancer, DesiredService } from './model.js';
import { contentKind, namesOf } from './names.js';
import { type Ruleset, structureDigest, type TableFamily } from './ruleset.js';
import { type ExistingTable, prepareScript, setLine, switchScript } from './script.js';
import type { PlacedService } from './selection.js';
import type { Surroundings } from './surroundings.js';

/** What is in the kernel of the balancer. */
export interface ActualBalancer {
  readonly generation: number;
  readonly existing: ReadonlyMap<TableFamily, ExistingTable>;
  /** Digest of the structure that was written last; null if there is none. */
  readonly structure: string | null;
  /** Marks by chain of the member. */
  readonly marks: ReadonlyMap<string, number>;
  /** Sets that a rule looks into, by family and name as `setKey` makes them. */
  readonly referenced: ReadonlySet<string>;
  /** What netlink wrote to sets, by `setKey`. */
  readonly contents: ReadonlyMap<string, Content>;
  /** The ruleset that the structure is of, if this process wrote it. */
  readonly ruleset: Ruleset | null;
  /** Whether what stands in the kernel is what was written there; otherwise the structure is written anew. */
  readonly intact: boolean;
  /** Routes that marks lead to. */
  readonly routes: readonly MarkedRoute[];
}

/** One transaction; routes come one after the other, before a packet is marked for them, or when none is any more. */
export type Step =
  | { readonly kind: 'routes'; readonly add: readonly MarkedRoute[]; readonly remove: readonly MarkedRoute[] }
  | { readonly kind: 'script'; readonly text: string }
  | {
      readonly kind: 'elements';
      readonly family: TableFamily;
      readonly operations: readonly SetOperation[];
      readonly generation: number | null;
    };

/** How to get from what is there to what is wanted, and what is there then. */
export interface Plan {
  readonly steps: readonly Step[];
  /** Whether the last step replaces the structure. */
  readonly structure: boolean;
  readonly ruleset: Ruleset;
  readonly digest: string;
  readonly numbering: Numbering;
  readonly routes: readonly MarkedRoute[];
  /** What netlink wrote to sets once all steps are done: those that changed, or all. */
  readonly contents: ReadonlyMap<string, Content>;
}

/** What the planner needs to know of the tables and the socket. */
export interface PlanOptions {
  /** Name of the tables. */
  readonly table: string;
  /** Bytes that one batch may have. */
  readonly batchBytesMax: number;
  readonly surroundings: Surroundings;
}

/**
 * The transactions that lead from `actual` to `desired`, to be carried out in order; none if all is in place. Pure.
 *
 * While the structure stays, they are one batch of elements per table, bound to the generation that was read. Otherwise new
 * and changed slot maps are first filled beside those in use, where no packet sees them, and one script then replaces the
 * structure and points at them. A change of slots that is too large for one batch takes the same way.
 */
export function planBalancer(desired: DesiredBalancer, actual: ActualBalancer, options: PlanOptions): Plan {
  const services = [...desired.services].sort((a, b) => (a.id < b.id ? -1 : 1));
  const numbering = numberMembers(services, actual.marks);
  const compile = (placementOf: (service: DesiredService) => Placement) =>
    compileRuleset(services, numbering, options.surroundings, placementOf);
  const inUse = compile((service) => placementInUse(service, actual));
  if (services.length === 0 && actual.existing.size === 0) return nothing(inUse.ruleset, numbering);
  const digest = structureDigest(inUse.ruleset);
  const { routes } = inUse;
  if (actual.intact && digest === actual.structure) {
    const steps = elementSteps(inUse.ruleset, actual);
    if (steps.every(({ operations }) => bytesOf(operations) <= options.batchBytesMax)) {
      const wanted = { ruleset: inUse.ruleset, digest, numbering, routes, contents: contentsOf(inUse.ruleset) };
      return { ...wanted, steps: withRoutes(steps, routes, actual), structure: false };
    }
  }
  const fresh = freshPlacements(services, inUse.ruleset, actual);
  if (fresh.size === 0) return switchPlan({ ruleset: inUse.ruleset, digest, numbering, routes }, actual, options);
  const { ruleset } = compile((service) => fresh.get(service) ?? placementInUse(service, actual));
  return switchPlan({ ruleset, digest: structureDigest(ruleset), numbering, routes }, actual, options);
}

/**
 * The same for services of which only the slots changed, without looking at the others. Null if a change is too large for
 * one batch.
 */
export function planSlots(
  services: readonly DesiredService[],
  numbering: Numbering,
  actual: ActualBalancer & { readonly ruleset: Ruleset; readonly structure: string },
  { batchBytesMax }: PlanOptions,
): Plan | null {
  const operations = new Map<TableFamily, SetOperation[]>();
  const contents = new Map<string, Content>();
  for (const service of services) {
    const placed = placeService(service, numbering, placementInUse(service, actual));
    const family = tableOf(service);
    for (const [name, content] of contentsOfService(placed)) {
      const key = setKey(family, name);
      const changes = contentChanges(name, actual.contents.get(key) ?? null, content);
      if (changes.length > 0) operations.set(family, [...(operations.get(family) ?? []), ...changes]);
      contents.set(key, content);
    }
  }
  const { generation, ruleset, structure: digest, routes } = actual;
  const steps = [...operations].map(([family, changes]): Step & { kind: 'elements' } => ({
    kind: 'elements',
    ...{ family, operations: changes, generation },
  }));
  if (steps.some((step) => bytesOf(step.operations) > batchBytesMax)) return null;
  return { steps, structure: false, ruleset, digest, numbering, routes, contents };
}

/** The sets of a service that change with its slots, and what is to stand there. */
export function contentsOfService(placed: PlacedService): [string, Content][] {
  const { service, size, generation, slots, serving, trial } = placed;
  const trials: [string, Content][] = trial
    ? [
        [namesOf.trial(service.id, generation), trial.marks],
        [namesOf.others(service.id, size, generation), trial.others],
      ]
    : [];
  return [
    [namesOf.slots(service.id, size, generation), slots],
    ...(service.affinity ? [[namesOf.serving(service.id, generation), serving] satisfies [string, Content]] : []),
    ...trials,
  ];
}

/** How contents are keyed. */
export function setKey(family: TableFamily, set: string): string {
  return `${family} ${set}`;
}

/** A digest as the element of a set of two marks. */
export function digestElement(digest: string): string {
  return `0x${digest.slice(0, 8)} . 0x${digest.slice(8)}`;
}

/** Elements that differ, one batch per table. */
export function elementSteps(ruleset: Ruleset, actual: ActualBalancer): (Step & { kind: 'elements' })[] {
  const { generation } = actual;
  return [...ruleset].flatMap(([family, { sets }]) => {
    const operations = [...sets].flatMap(([name, { content }]) =>
      isContent(content) ? contentChanges(name, actual.contents.get(setKey(family, name)) ?? null, content) : [],
    );
    operations.push(...leftOver(family, sets, actual));
    return operations.length === 0 ? [] : [{ kind: 'elements' as const, family, operations, generation }];
  });
}

/** Sets that were prepared for a structure that did not come about. */
function leftOver(family: TableFamily, wanted: ReadonlyMap<string, unknown>, actual: ActualBalancer): SetOperation[] {
  const names = [...(actual.existing.get(family)?.sets.keys() ?? [])];
  const isLeft = (name: string) =>
    contentKind(name) !== null && !wanted.has(name) && !actual.referenced.has(setKey(family, name));
  return names.filter(isLeft).map((set) => ({ kind: 'delete-set', set }));
}

/** Contents of a ruleset, as they are once it is in force. */
export function contentsOf(ruleset: Ruleset): Map<string, Content> {
  const contents = new Map<string, Content>();
  for (const [family, { sets }] of ruleset) {
    for (const [name, { content }] of sets) if (isContent(content)) contents.set(setKey(family, name), content);
  }
  return contents;
}

/** Whether netlink writes the set. */
export function isContent(content: Content | 'packets' | null): content is Content {
  return content !== null && content !== 'packets';
}

/** The table in which the service's slots stand. */
export function tableOf({ dataPath }: DesiredService): TableFamily {
  return dataPath === 'dsr-l2' ? 'netdev' : 'inet';
}

function switchPlan(
  wanted: Pick<Plan, 'ruleset' | 'digest' | 'numbering' | 'routes'>,
  actual: ActualBalancer,
  options: PlanOptions,
): Plan {
  const { table } = options;
  const prepared = preparations(wanted.ruleset, actual);
  const missing = prepared.filter(({ exists }) => !exists);
  const line = ({ family, name }: Preparation) => ({
    family,
    line: setLine(table, family, name, wanted.ruleset.get(family)!),
  });
  const script: Step[] =
    missing.length === 0 ? [] : [{ kind: 'script', text: prepareScript(table, missing.map(line)) }];
  const fills = [...wanted.ruleset.keys()].flatMap((family) => {
    const operations = prepared.filter((each) => each.family === family).flatMap((each) => each.operations);
    const batches = batchesOf(operations, options.batchBytesMax);
    return batches.map((batch): Step => ({ kind: 'elements', family, operations: batch, generation: null }));
  });
  const change = switchScript({
    table,
    existing: withPrepared(actual.existing, missing, wanted.ruleset),
    before: actual.ruleset,
    after: wanted.ruleset,
    oldMark: actual.structure === null ? null : digestElement(actual.structure),
    newMark: digestElement(wanted.digest),
  });
  const steps: Step[] = [...script, ...fills, { kind: 'script', text: change }];
  return {
    ...wanted,
    steps: withRoutes(steps, wanted.routes, actual),
    structure: true,
    contents: contentsOf(wanted.ruleset),
  };
}

function withRoutes(
  steps: readonly Step[],
  routes: readonly MarkedRoute[],
  { routes: present }: ActualBalancer,
): Step[] {
  const [had, wanted] = [new Set(present.map(routeText)), new Set(routes.map((route) => route.mark))];
  const add = routes.filter((route) => !had.has(routeText(route)));
  const remove = present.filter(({ mark }) => !wanted.has(mark));
  return [
    ...(add.length > 0 ? [{ kind: 'routes' as const, add, remove: [] }] : []),
    ...steps,
    ...(remove.length > 0 ? [{ kind: 'routes' as const, add: [], remove }] : []),
  ];
}

/** No service, and no table: none is made. */
function nothing(ruleset: Ruleset, numbering: Numbering): Plan {
  const digest = structureDigest(ruleset);
  return { steps: [], structure: false, ruleset, digest, numbering, routes: [], contents: new Map() };
}

interface Preparation {
  readonly family: TableFamily;
  readonly name: string;
  readonly exists: boolean;
  readonly operations: readonly SetOperation[];
}

/** Sets that are to be filled before the switch. */
function preparations(ruleset: Ruleset, actual: ActualBalancer): Preparation[] {
  return [...ruleset].flatMap(([family, { sets }]) =>
    [...sets].flatMap(([name, { content }]) => {
      if (!isContent(content)) return [];
      const operations = contentChanges(name, actual.contents.get(setKey(family, name)) ?? null, content);
      const exists = actual.existing.get(family)?.sets.has(name) ?? false;
      return exists && operations.length === 0 ? [] : [{ family, name, exists, operations }];
    }),
  );
}

function withPrepared(
  existing: ActualBalancer['existing'],
  missing: readonly Preparation[],
  ruleset: Ruleset,
): ReadonlyMap<TableFamily, ExistingTable> {
  const after = new Map(existing);
  for (const { family, name } of missing) {
    const table = after.get(family) ?? { chains: new Set(), sets: new Map(), objects: new Map() };
    const kind = ruleset.get(family)!.sets.get(name)!.kind;
    after.set(family, { ...table, sets: new Map([...table.sets, [name, kind]]) });
  }
  return after;
}

/** The map that rules look into now, if it has the right size. */
export function placementInUse(service: DesiredService, actual: ActualBalancer): Placement {
  const size = sizeOf(service, actual);
  const second = namesOf.slots(service.id, size, 1);
  return { size, generation: actual.referenced.has(setKey(tableOf(service), second)) ? 1 : 0 };
}

/** Services that take their other map, because the content of the one in use does not stay. */
function freshPlacements(
  services: readonly DesiredService[],
  inUse: Ruleset,
  actual: ActualBalancer,
): ReadonlyMap<DesiredService, Placement> {
  const fresh = new Map<DesiredService, Placement>();
  for (const service of services) {
    const placement = placementInUse(service, actual);
    if (!contentStays(service, placement, inUse, actual))
      fresh.set(service, { ...placement, generation: placement.generation === 0 ? 1 : 0 });
  }
  return fresh;
}

function contentStays(service: DesiredService, placement: Placement, inUse: Ruleset, actual: ActualBalancer): boolean {
  const family = tableOf(service);
  return [
    namesOf.slots(service.id, placement.size, placement.generation),
    namesOf.serving(service.id, placement.generation),
    namesOf.trial(service.id, placement.generation),
    namesOf.others(service.id, placement.size, placement.generation),
  ].every((name) => {
    const content = inUse.get(family)!.sets.get(name)?.content ?? null;
    const key = setKey(family, name);
    if (!isContent(content) || !actual.referenced.has(key)) return true;
    return contentChanges(name, actual.contents.get(key) ?? null, content).length === 0;
  });
}

/** Slots of the service's map. A table that is read in turn has none while nobody serves: then the map stays as it is. */
function sizeOf({ id, choice, dataPath }: DesiredService, actual: ActualBalancer): number {
  if (choice.size > 0) return choice.size;
  const prefix = setKey(dataPath === 'dsr-l2' ? 'netdev' : 'inet', `s.${id}.slots.`);
  const known = [...actual.referenced].find((key) => key.startsWith(prefix));
  return known === undefined ? 1 : Number(known.slice(prefix.length).split('.')[0]);
}
