import type { Enforcement, Hook } from './model.js';
import { namesOf, SHARED } from './names.js';
import { expiryVerdict } from './plan.js';

/** What stands in the table already; what is no longer wanted is removed. */
export interface ExistingStructure {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
  readonly maps: readonly string[];
}

/** What the table is to hold. */
export interface Structure {
  readonly table: string;
  readonly enforcements: readonly Enforcement[];
  /** UDP addresses of the relays, which no list may cut off. */
  readonly relays: { readonly ipv4: readonly string[]; readonly ipv6: readonly string[] };
}

/**
 * A script for `nft -f` that brings the structure about in one transaction, whatever part of it is there.
 *
 * Sets and maps that stay keep their elements; the rules of all chains are written anew. `marker` is kept in the table,
 * as the comment of a rule, so that the structure can be recognised later.
 */
export function renderStructure(structure: Structure, existing: ExistingStructure, marker: string): string {
  const { table, enforcements } = structure;
  const chains = wantedChains(enforcements);
  const sets = wantedSets(enforcements);
  const maps = wantedMaps(enforcements);
  const obsolete = (kind: string, present: readonly string[], wanted: ReadonlyMap<string, string>) =>
    present.filter((name) => !wanted.has(name)).map((name) => `delete ${kind} inet ${table} ${name}`);
  const obsoleteChains = existing.chains.filter((name) => !chains.has(name));
  return [
    `add table inet ${table} { comment "Higgins Bus"; }`,
    ...[...sets].map(([name, body]) => `add set inet ${table} ${name} { ${body} }`),
    ...[...chains].map(([name, hook]) => `add chain inet ${table} ${name}${hook}`),
    ...[...maps].map(([name, body]) => `add map inet ${table} ${name} { ${body} }`),
    ...[...existing.chains, ...chains.keys()].map((name) => `flush chain inet ${table} ${name}`),
    ...relayElements(structure),
    ...rules(structure, marker).map(([chain, rule]) => `add rule inet ${table} ${chain} ${rule}`),
    ...enforcements
      .filter(({ id }) => !existing.maps.includes(namesOf.expiry(id)))
      .flatMap((each) => initialExpiry(table, each)),
    ...obsolete('map', existing.maps, maps),
    ...obsoleteChains.map((name) => `delete chain inet ${table} ${name}`),
    ...obsolete('set', existing.sets, sets),
    '',
  ].join('\n');
}

/** The base chain in which a list is judged. */
export function baseChain(hook: Hook, priority: number): string {
  return `HOOK_${hook}_${priority < 0 ? 'minus_' : ''}${Math.abs(priority)}`;
}

function wantedChains(enforcements: readonly Enforcement[]): Map<string, string> {
  const chains = new Map<string, string>([[SHARED.marker, '']]);
  for (const { id, hook, priority } of enforcements) {
    for (const name of [
      namesOf.live(id, 0),
      namesOf.live(id, 1),
      namesOf.closed(id),
      namesOf.expired(id),
      namesOf.guard(id),
    ]) {
      chains.set(name, '');
    }
    chains.set(baseChain(hook, priority), ` { type filter hook ${hook} priority ${priority}; policy accept; }`);
  }
  return chains;
}

function wantedSets(enforcements: readonly Enforcement[]): Map<string, string> {
  const sets = new Map<string, string>([
    [SHARED.relays4, 'type ipv4_addr . inet_service;'],
    [SHARED.relays6, 'type ipv6_addr . inet_service;'],
  ]);
  for (const { id } of enforcements) {
    for (const slot of [0, 1] as const) {
      sets.set(namesOf.set(id, 4, slot), 'type ipv4_addr; flags interval;');
      sets.set(namesOf.set(id, 6, slot), 'type ipv6_addr; flags interval;');
    }
  }
  return sets;
}

function wantedMaps(enforcements: readonly Enforcement[]): Map<string, string> {
  const maps = new Map<string, string>();
  for (const { id } of enforcements) {
    maps.set(namesOf.alive(id), 'typeof meta nfproto : verdict; flags timeout;');
    maps.set(namesOf.expiry(id), 'typeof meta nfproto : verdict;');
  }
  return maps;
}

function relayElements({ table, relays }: Structure): string[] {
  return [[SHARED.relays4, relays.ipv4] as const, [SHARED.relays6, relays.ipv6] as const].flatMap(([set, elements]) => [
    `flush set inet ${table} ${set}`,
    ...(elements.length > 0 ? [`add element inet ${table} ${set} { ${elements.join(', ')} }`] : []),
  ]);
}

function initialExpiry(table: string, { id, initialExpiry: mode }: Enforcement): string[] {
  const verdict = mode === 'hold' ? null : expiryVerdict(id, mode, 0);
  return verdict === null
    ? []
    : [`add element inet ${table} ${namesOf.expiry(id)} { ipv4 : ${verdict}, ipv6 : ${verdict} }`];
}

type Rule = readonly [chain: string, rule: string];

function rules({ enforcements }: Structure, marker: string): Rule[] {
  const bases = new Map(enforcements.map(({ hook, priority }) => [baseChain(hook, priority), hook]));
  return [
    [SHARED.marker, `counter comment "${marker}"`],
    ...[...bases].flatMap(([chain, hook]) => lifelines(hook).map((rule): Rule => [chain, rule])),
    ...enforcements.flatMap(listRules),
  ];
}

/** What no list may refuse: the machine's own loopback, neighbour discovery, and the flows to the relays. */
function lifelines(hook: Hook): string[] {
  const loopback = hook === 'output' ? ['oif lo accept'] : hook === 'forward' ? [] : ['iif lo accept'];
  const from = [`ip saddr . udp sport @${SHARED.relays4} accept`, `ip6 saddr . udp sport @${SHARED.relays6} accept`];
  const to = [`ip daddr . udp dport @${SHARED.relays4} accept`, `ip6 daddr . udp dport @${SHARED.relays6} accept`];
  const relays = hook === 'output' ? to : hook === 'forward' ? [...from, ...to] : from;
  const neighbours =
    'icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept';
  return [...loopback, neighbours, ...relays];
}

function listRules(list: Enforcement): Rule[] {
  const { id } = list;
  const refuse = (chain: string) => refusals(list.refusal).map((rule): Rule => [chain, rule]);
  return [
    ...matches(list).map((match): Rule => [baseChain(list.hook, list.priority), `${match}jump ${namesOf.guard(id)}`]),
    [namesOf.guard(id), `meta nfproto vmap @${namesOf.alive(id)}`],
    [namesOf.guard(id), `goto ${namesOf.expired(id)}`],
    ...([0, 1] as const).flatMap((slot) => liveRules(list, slot)),
    [namesOf.expired(id), 'counter'],
    [namesOf.expired(id), `meta nfproto vmap @${namesOf.expiry(id)}`],
    ...refuse(namesOf.closed(id)),
  ];
}

function liveRules(list: Enforcement, slot: 0 | 1): Rule[] {
  const chain = namesOf.live(list.id, slot);
  const field = list.match === 'source' ? 'saddr' : 'daddr';
  const lookup = (family: 4 | 6) => `${family === 4 ? 'ip' : 'ip6'} ${field} @${namesOf.set(list.id, family, slot)}`;
  if (list.action === 'allow') {
    const pass = ([4, 6] as const).map((family): Rule => [chain, `${lookup(family)} return`]);
    return [...pass, ...refusals(list.refusal).map((rule): Rule => [chain, rule])];
  }
  const refuse = `goto ${namesOf.closed(list.id)}`;
  return ([4, 6] as const).map((family): Rule => [chain, `${lookup(family)} counter ${refuse}`]);
}

function refusals(refusal: 'drop' | 'reject'): string[] {
  return refusal === 'drop' ? ['counter drop'] : ['counter', 'meta l4proto tcp reject with tcp reset', 'reject'];
}

/** One match per protocol whose ports are limited and family of the destinations, each with a trailing space. */
function matches({ hook, interfaces, ports, destinations = [] }: Enforcement): string[] {
  const names = interfaces.map((name) => `"${name}"`).join(', ');
  const device = interfaces.length === 0 ? '' : `${hook === 'output' ? 'oifname' : 'iifname'} { ${names} } `;
  const limited = (['tcp', 'udp'] as const).filter((protocol) => ports[protocol].length > 0);
  const protocols = limited.map((protocol) => `${protocol} dport { ${ports[protocol].join(', ')} } `);
  const before = destinationMatches(destinations).map((destination) => `${device}${destination}`);
  return before.flatMap((match) => (protocols.length === 0 ? [match] : protocols.map((each) => match + each)));
}

/** One match per family that has destinations; one empty match if all packets are judged. */
function destinationMatches(destinations: readonly string[] | 'local'): string[] {
  if (destinations === 'local') return ['fib daddr type local '];
  if (destinations.length === 0) return [''];
  const isIpv6 = (destination: string) => destination.includes(':');
  const families = [
    ['ip', destinations.filter((each) => !isIpv6(each))],
    ['ip6', destinations.filter(isIpv6)],
  ] as const;
  return families.flatMap(([header, own]) => (own.length === 0 ? [] : [`${header} daddr { ${own.join(', ')} } `]));
}
