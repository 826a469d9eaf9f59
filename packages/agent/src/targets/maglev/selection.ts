import { keyExpression } from '@higgins/balancing';
import { parseIpSet } from '@higgins/ipdata';
import { intervalsOf } from '../nft/intervals.js';
import type { Content } from './contents.js';
import { headerOf } from './dispatch.js';
import type { NumberedMember } from './ids.js';
import type { DesiredService } from './model.js';
import { digestOf, namesOf, type RefusalReason, SHARED } from './names.js';
import type { TableBuilder } from './ruleset.js';

/** A service and where its members stand in the kernel. */
export interface PlacedService {
  readonly service: DesiredService;
  readonly members: ReadonlyMap<string, NumberedMember>;
  /** Slots of its map; 1 or more. */
  readonly size: number;
  /** Which of the two maps is in use. */
  readonly generation: 0 | 1;
  readonly slots: Content;
  readonly serving: Content;
  /** Null where nobody ever is on trial. */
  readonly trial: { readonly marks: Content; readonly others: Content } | null;
}

/** Where a rule keeps the member's mark: on the flow, or on the packet where flows are not tracked. */
export type MarkField = 'ct mark' | 'meta mark';

/**
 * Rules that lead from the service's chain to a member's: by affinity, else by the slot. Where neither has anybody, the
 * next rule of the chain is met. `chosen` are rules that a member meets who was chosen by the slot. Returns the name of the map from
 * marks to the members' chains.
 */
export function addSelection(
  table: TableBuilder,
  placed: PlacedService,
  field: MarkField,
  chosen: readonly string[] = [],
): string {
  const { service, size, generation } = placed;
  const chain = namesOf.service(service.id);
  const slot = slotOf(service, size);
  const members = table.set('map', namesOf.members(service.id), 'type mark : verdict;');
  const slots = namesOf.slots(service.id, size, generation);
  // With a size the kernel takes its faster hash table; twice, because a batch's deletions make room only at its end.
  table.set('map', slots, `typeof numgen inc mod ${size} : ${field}; size ${2 * size};`, placed.slots);
  if (service.affinity) addRemembered(table, placed, field);
  table.rule(chain, `${field} set ${slot} map @${slots}`, ...chosen, `${field} vmap @${members}`);
  return members;
}

/** How the kernel comes to the slot of a flow. */
export function slotOf({ choice, family }: DesiredService, size: number): string {
  if (choice.kind === 'turn') return `numgen inc mod ${size}`;
  return `jhash ${keyExpression(choice.key, family)} mod ${choice.size} seed 0x${choice.seed.toString(16)}`;
}

/** A rule of a member's chain by which the client is remembered; none without affinity. */
export function rememberRule({ affinity, id, family }: DesiredService, field: MarkField): string[] {
  if (!affinity) return [];
  const { name } = affinityMap(id, family, affinity, field);
  return [`update @${name} { ${keyExpression(affinity.key, family)} timeout ${affinity.ttlMs}ms : ${field} }`];
}

/** Name of the map in which a service remembers its clients; null if it does not. */
export function affinityName({ affinity, id, family }: DesiredService, field: MarkField): string | null {
  return affinity && affinityMap(id, family, affinity, field).name;
}

/** Rules that let in only the sources that may use the service. */
export function sourceRules(table: TableBuilder, service: DesiredService): string[] {
  const { family, allow, block } = service;
  if (allow === null && block.length === 0) return [];
  const source = `${headerOf(family)} saddr`;
  const counted = `counter name "${refusalCounter(table, service, 'source')}"`;
  return [
    ...(block.length > 0 ? [`${source} @${list(table, service, block)} ${counted} drop`] : []),
    ...(allow !== null ? [`${source} != @${list(table, service, allow)} ${counted} goto ${SHARED.refuse}`] : []),
  ];
}

/** Counts a flow that is not let in; its name is to be followed by a verdict. */
export function refusalCounter(table: TableBuilder, { id }: DesiredService, reason: RefusalReason): string {
  return table.object('counter', namesOf.refused(id, reason), '');
}

/** Refuses at once: a reset, or an ICMP error. */
export function refuseRule(table: TableBuilder, service: DesiredService, reason: RefusalReason): string {
  return `counter name "${refusalCounter(table, service, reason)}" goto ${SHARED.refuse}`;
}

/** The limit of new flows per second, as the condition of a rule. */
export function rateLimit(table: TableBuilder, { id, connectionsPerSecond, burst }: DesiredService): string | null {
  if (connectionsPerSecond === null) return null;
  const name = `s.${id}.rate.${connectionsPerSecond}.${burst}`;
  table.object('limit', name, `rate over ${connectionsPerSecond}/second burst ${Math.max(1, burst)} packets;`);
  return `limit name "${name}"`;
}

function addRemembered(table: TableBuilder, placed: PlacedService, field: MarkField): void {
  const { service, generation } = placed;
  const { name, body } = affinityMap(service.id, service.family, service.affinity!, field);
  table.set('map', name, body, 'packets');
  const serving = table.set('set', namesOf.serving(service.id, generation), 'type mark;', placed.serving);
  table.rule(
    namesOf.service(service.id),
    `${field} set ${keyExpression(service.affinity!.key, service.family)} map @${name}`,
    `${field} @${serving} ${field} vmap @${namesOf.members(service.id)}`,
    // A client whose member is out has its mark from the map.
    `${field} set 0`,
  );
}

function affinityMap(id: string, family: 4 | 6, affinity: NonNullable<DesiredService['affinity']>, field: MarkField) {
  const key = keyExpression({ fields: affinity.key.fields }, family);
  const body = `typeof ${key} : ${field}; size ${affinity.entriesMax}; flags dynamic,timeout;`;
  return { name: namesOf.affinity(id, `${keyExpression(affinity.key, family)} ${body}`), body };
}

function list(table: TableBuilder, { family }: DesiredService, prefixes: readonly string[]): string {
  const parsed = parseIpSet(prefixes, { duplicates: 'drop' });
  const content: Content = { kind: 'intervals', intervals: intervalsOf(family === 4 ? parsed.ipv4 : parsed.ipv6) };
  const digest = digestOf(`${family} ${[...prefixes].sort().join(' ')}`, 12);
  return table.set('set', namesOf.list(digest), `type ipv${family}_addr; flags interval;`, content);
}
