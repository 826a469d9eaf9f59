import { addEntrance, headerOf } from './dispatch.js';
import type { NumberedMember } from './ids.js';
import type { DesiredService } from './model.js';
import { digestOf, MARK_BASE, MARK_MASK, type MemberCount, markText, namesOf, priorityName, SHARED } from './names.js';
import { partOf } from './parts.js';
import type { TableBuilder } from './ruleset.js';
import { addSelection, type PlacedService, rateLimit, refuseRule, rememberRule, sourceRules } from './selection.js';
import { addTrial, placesEnd } from './trial.js';

/** Flows of one service that are counted at a time for a limit; the kernel holds some 60 bytes for each set's element. */
const LIMITED_MEMBERS_MAX = 65_535;
/** Where sources are translated, as in nft. */
const SOURCE_PRIORITY = 100;
/** What is counted of a member by its mark. */
const COUNTED = ['sent', 'answered', 'refused'] as const;
/** Timeouts in the kernel are whole seconds. */
const SECOND_MS = 1_000;

/** Services whose destination address is translated: each flow's member is chosen once, at its first packet. */
export function addNat(table: TableBuilder, placed: readonly PlacedService[]): void {
  if (placed.length === 0) return;
  for (const each of placed) table.merge(partOf(each, (part) => addService(part, each)));
  const services = placed.map(({ service }) => service);
  addEntrances(table, services);
  addSources(table);
  addCounting(table, services);
}

function addEntrances(table: TableBuilder, services: readonly DesiredService[]): void {
  for (const priority of prioritiesOf(services)) {
    const here = services.filter((service) => service.priority === priority);
    const local = here.filter(({ localTraffic }) => localTraffic);
    const entrance = (hook: 'prerouting' | 'output') => ({
      chain: `nat.${hook}.${priorityName(priority)}`,
      hook: `type nat hook ${hook} priority ${priority}; policy accept;`,
      received: hook === 'prerouting',
      onLink: false,
    });
    addEntrance(table, entrance('prerouting'), here);
    if (local.length > 0) addEntrance(table, entrance('output'), local);
  }
}

function addService(table: TableBuilder, placed: PlacedService): void {
  const { service } = placed;
  const chain = table.chain(namesOf.service(service.id));
  table.rule(chain, ...sourceRules(table, service), ...idleRules(service), ...limitRules(table, service));
  const memberMap = addSelection(table, placed, 'ct mark', addTrial(table, placed));
  table.rule(chain, refuseRule(table, service, 'none'));
  for (const member of placed.members.values()) {
    table.element(memberMap, `${markText(member.mark)} : goto ${table.chain(member.chain)}`);
    addMember(table, service, member);
  }
  if (service.source !== 'keep') addSource(table, placed);
  addCounters(table, placed);
}

/** A packet in the middle of a connection that the node no longer knows of. */
function idleRules({ protocol, onIdle }: DesiredService): string[] {
  return protocol === 'tcp' && onIdle === 'reset'
    ? [`tcp flags & (fin | syn | rst | ack) != syn goto ${SHARED.refuse}`]
    : [];
}

function limitRules(table: TableBuilder, service: DesiredService): string[] {
  const rate = rateLimit(table, service);
  const { id, connections } = service;
  const rules = rate === null ? [] : [`${rate} ${refuseRule(table, service, 'rate')}`];
  if (connections === null) return rules;
  const open = table.set('set', `s.${id}.open.${connections}`, 'type inet_proto; size 8; flags dynamic;', 'packets');
  return [
    ...rules,
    `add @${open} { meta l4proto ct count over ${connections} } ${refuseRule(table, service, 'limit')}`,
  ];
}

function addMember(table: TableBuilder, service: DesiredService, member: NumberedMember): void {
  const { id, family, protocol, connectionsPerMember } = service;
  const chain = table.chain(member.chain);
  if (connectionsPerMember !== null) {
    const body = `type mark; size ${LIMITED_MEMBERS_MAX}; flags dynamic;`;
    const full = table.set('set', `s.${id}.full.${connectionsPerMember}`, body, 'packets');
    table.rule(
      chain,
      `add @${full} { ct mark ct count over ${connectionsPerMember} } ${refuseRule(table, service, 'limit')}`,
    );
  }
  table.rule(chain, ...rememberRule(service, 'ct mark'), ...timeoutRules(table, service));
  const address = family === 4 ? member.address : `[${member.address}]`;
  const count = counted(table, member, 'flows');
  table.rule(
    chain,
    `counter name "${count}" meta l4proto ${protocol} dnat ${headerOf(family)} to ${address}:${member.port}`,
  );
}

function timeoutRules(table: TableBuilder, { protocol, family, connectMs, idleMs }: DesiredService): string[] {
  if (protocol === 'sctp' || (connectMs === null && idleMs === null)) return [];
  const [connect, idle] = [connectMs, idleMs].map((ms) =>
    ms === null ? null : Math.max(1, Math.ceil(ms / SECOND_MS)),
  );
  const [first, later] = protocol === 'tcp' ? ['syn_sent', 'established'] : ['unreplied', 'replied'];
  const policy = [...(connect ? [`${first} : ${connect}`] : []), ...(idle ? [`${later} : ${idle}`] : [])].join(', ');
  const name = `timeout.${protocol}${family}.${connect ?? 'own'}.${idle ?? 'own'}`;
  table.object('ct timeout', name, `protocol ${protocol}; l3proto ${headerOf(family)}; policy = { ${policy} };`);
  return [`ct timeout set "${name}"`];
}

function addSource(table: TableBuilder, { service, members }: PlacedService): void {
  const map = table.set('map', SHARED.sources, 'type mark : verdict;');
  const chain = sourceChain(table, service);
  for (const { mark } of members.values()) table.element(map, `${markText(mark)} : goto ${chain}`);
}

function addSources(table: TableBuilder): void {
  if (!table.sets.has(SHARED.sources)) return;
  const base = table.chain('nat.postrouting', `type nat hook postrouting priority ${SOURCE_PRIORITY}; policy accept;`);
  table.rule(base, `ct mark vmap @${SHARED.sources}`);
}

function sourceChain(table: TableBuilder, { source, family }: DesiredService): string {
  const name = typeof source === 'string' ? 'source.device' : `source.${digestOf(source.address, 10)}`;
  if (table.chains.has(name)) return name;
  table.rule(name, typeof source === 'string' ? 'masquerade' : `snat ${headerOf(family)} to ${source.address}`);
  return name;
}

/** The counters of a service's members, by mark: every service has all three maps, so that rules can name them. */
function addCounters(table: TableBuilder, { service: { protocol }, members }: PlacedService): void {
  for (const what of COUNTED) {
    const map = table.set('map', SHARED[what], 'type mark : counter;');
    if (what !== 'sent' && protocol !== 'tcp') continue;
    for (const member of members.values())
      table.element(map, `${markText(member.mark)} : "${counted(table, member, what)}"`);
  }
}

/**
 * Counts packets of flows that have a member, in as few rules as every packet can meet: where they came in from outside, or
 * where the host sends them. What goes over loopback passes both and is counted once.
 */
function addCounting(table: TableBuilder, services: readonly DesiredService[]): void {
  const priority = Math.max(...prioritiesOf(services)) + 1;
  const overLoopback = services.some(({ localTraffic }) => localTraffic);
  const [sent, answered, refused] = COUNTED.map((what) => SHARED[what]);
  for (const hook of ['prerouting', 'output'] as const) {
    const chain = table.chain(
      `count.${hook}.${priorityName(priority)}`,
      `type filter hook ${hook} priority ${priority}; policy accept;`,
    );
    table.rule(
      chain,
      `ct mark & ${markText(MARK_MASK)} != ${markText(MARK_BASE)} return`,
      ...(overLoopback && hook === 'prerouting' ? ['iif lo return'] : []),
      ...placesEnd(table),
      `ct direction original counter name ct mark map @${sent} return`,
      // Answers to a first packet: later ones belong to a connection that is assured.
      'meta l4proto != tcp return',
      'ct status & assured != 0 return',
      `tcp flags & (syn | ack) == syn | ack counter name ct mark map @${answered} return`,
      `tcp flags & rst != 0 counter name ct mark map @${refused}`,
    );
  }
}

function counted(table: TableBuilder, { chain }: NumberedMember, what: MemberCount): string {
  return table.object('counter', namesOf.counted(chain, what), '');
}

function prioritiesOf(services: readonly DesiredService[]): number[] {
  return [...new Set(services.map(({ priority }) => priority))].sort((a, b) => a - b);
}
