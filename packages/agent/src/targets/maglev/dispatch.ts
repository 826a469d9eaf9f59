import type { Family } from '@higgins/balancing';
import type { DesiredService } from './model.js';
import { namesOf } from './names.js';
import type { TableBuilder } from './ruleset.js';

/** A base chain and the services whose packets it takes up. */
export interface Entrance {
  /** Name of the chain, also of its maps. */
  readonly chain: string;
  readonly hook: string;
  /** Whether packets have a receiving device there. */
  readonly received: boolean;
  /** Whether it is before packets have a family of their own, at a device. */
  readonly onLink: boolean;
}

/**
 * Leads packets to their service's chain. Services of plain addresses stand in one map, whatever their number; before it
 * come those that name devices, after it ranges, the narrower first, and last those of all of the host's addresses.
 */
export function addEntrance(table: TableBuilder, entrance: Entrance, services: readonly DesiredService[]): void {
  table.chain(entrance.chain, entrance.hook);
  const devices = (service: DesiredService) => entrance.received && service.interfaces.length > 0;
  const ranges = (service: DesiredService) => service.addresses.some(isRange);
  const own = (service: DesiredService) => service.addresses.length === 0;
  const [withDevices, others] = partition(services, devices);
  const [ofOwn, ofGiven] = partition(others, own);
  const [ofRanges, ofAddresses] = partition(ofGiven, ranges);
  const narrowFirst = (a: DesiredService, b: DesiredService) => widthOf(a) - widthOf(b);
  table.rule(
    entrance.chain,
    ...[...withDevices].sort(narrowFirst).map((service) => linearRule(service, entrance, true)),
  );
  for (const family of [4, 6] as const) addAddresses(table, entrance.chain, family, ofFamily(ofAddresses, family));
  table.rule(entrance.chain, ...[...ofRanges].sort(narrowFirst).map((service) => linearRule(service, entrance, false)));
  for (const family of [4, 6] as const) addOwn(table, entrance, family, ofFamily(ofOwn, family));
}

/** What packets to a service look like, as the beginning of a rule. */
export function matchOf(service: DesiredService, withDevices: boolean, onLink = false): string {
  const { family, addresses, interfaces, protocol, port } = service;
  const devices =
    withDevices && interfaces.length > 0 ? `iifname { ${interfaces.map((name) => `"${name}"`).join(', ')} } ` : '';
  const destination =
    addresses.length === 0
      ? `${familyMatch(family, onLink)} fib daddr type local`
      : `${headerOf(family)} daddr { ${addresses.join(', ')} }`;
  return `${devices}${destination} ${protocol} dport ${port}`;
}

/** What answers of a service look like that has addresses. */
export function matchesSource({ family, addresses, protocol, port }: DesiredService): string {
  return `${headerOf(family)} saddr { ${addresses.join(', ')} } ${protocol} sport ${port}`;
}

/** `ip` or `ip6`. */
export function headerOf(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6';
}

function familyMatch(family: Family, onLink: boolean): string {
  return onLink ? `meta protocol ${headerOf(family)}` : `meta nfproto ipv${family}`;
}

function linearRule(service: DesiredService, { onLink }: Entrance, withDevices: boolean): string {
  return `${matchOf(service, withDevices, onLink)} goto ${namesOf.service(service.id)}`;
}

function addAddresses(table: TableBuilder, chain: string, family: Family, services: readonly DesiredService[]): void {
  if (services.length === 0) return;
  const map = table.set('map', `${chain}.v${family}`, `type ipv${family}_addr . inet_proto . inet_service : verdict;`);
  for (const { id, addresses, protocol, port } of services) {
    for (const address of addresses)
      table.element(map, `${plain(address)} . ${protocol} . ${port} : goto ${namesOf.service(id)}`);
  }
  table.rule(chain, `${headerOf(family)} daddr . meta l4proto . th dport vmap @${map}`);
}

function addOwn(
  table: TableBuilder,
  { chain, onLink }: Entrance,
  family: Family,
  services: readonly DesiredService[],
): void {
  if (services.length === 0) return;
  const map = table.set('map', `${chain}.own${family}`, 'type inet_proto . inet_service : verdict;');
  for (const { id, protocol, port } of services)
    table.element(map, `${protocol} . ${port} : goto ${namesOf.service(id)}`);
  table.rule(chain, `${familyMatch(family, onLink)} fib daddr type local meta l4proto . th dport vmap @${map}`);
}

/** Single addresses may be written as prefixes. */
function plain(address: string): string {
  return address.replace(/\/(32|128)$/, '');
}

function isRange(address: string): boolean {
  return plain(address).includes('/') || address.includes('-');
}

/** How much a service takes up, to compare: all own addresses most, then by the shortest prefix; ranges before prefixes. */
function widthOf({ addresses, family }: DesiredService): number {
  const bits = family === 4 ? 32 : 128;
  if (addresses.length === 0) return bits + 1;
  return Math.max(
    ...addresses.map((address) =>
      address.includes('/') ? bits - Number(address.split('/')[1]) : address.includes('-') ? 0.5 : 0,
    ),
  );
}

function ofFamily(services: readonly DesiredService[], family: Family): DesiredService[] {
  return services.filter((service) => service.family === family);
}

function partition<T>(all: readonly T[], predicate: (item: T) => boolean): [T[], T[]] {
  return [all.filter(predicate), all.filter((item) => !predicate(item))];
}
