import type { BalancerStatus, ServiceMemberStatus, ServiceStatus, TrafficTotals } from '@higgins/agent';
import { table } from '../../output.js';
import { headText } from './status-text.js';
import { endpoint, percent, short, until } from './text.js';

/** Traffic per second between two looks. */
export interface Rates {
  readonly packets: number;
  readonly bytes: number;
  readonly flows: number;
}

/** The rates of one service and of its members between two statuses. */
export interface ServiceRates {
  readonly service: string;
  readonly rates: Rates;
  readonly refused: number;
  readonly members: readonly { readonly member: string; readonly rates: Rates }[];
}

/** Rates of all services that both statuses have; counters that began anew count from 0. */
export function ratesOf(before: BalancerStatus, after: BalancerStatus): ServiceRates[] {
  const seconds = Math.max((after.nowWallMs - before.nowWallMs) / 1000, 0.001);
  const known = new Map(before.services.map((service) => [service.id, service]));
  return after.services.map((service) => {
    const old = known.get(service.id);
    const members = new Map(old?.members.map((member) => [member.member, member]));
    return {
      service: service.id,
      rates: difference(old?.totals ?? service.totals, service.totals, seconds),
      refused: risen(refusedOf(old ?? service), refusedOf(service)) / seconds,
      members: service.members.map((member) => {
        const was = members.get(member.member)?.totals ?? member.totals;
        return { member: member.member, rates: difference(was, member.totals, seconds) };
      }),
    };
  });
}

/** One screen: head, then a line per service and one per member below it. */
export function topText(before: BalancerStatus, after: BalancerStatus): string {
  const rates = new Map(ratesOf(before, after).map((service) => [service.service, service]));
  const header = [
    'service / member',
    'address',
    'new/s',
    'packets/s',
    'bytes/s',
    'refused/s',
    'open',
    'slots',
    'state',
  ];
  const rows = after.services.flatMap((service) => {
    const of = rates.get(service.id);
    return of === undefined ? [] : [serviceCells(service, of), ...memberRows(service, of, after)];
  });
  const body = rows.length === 0 ? 'no services' : table(header, rows);
  return `${headText(after)}\n\n${body}`;
}

function serviceCells(service: ServiceStatus, { rates, refused }: ServiceRates): string[] {
  const open = service.members.reduce((sum, { connections }) => sum + (connections ?? 0), 0);
  const name = `${service.loadBalancer}/${service.listener}`;
  const where = `${service.protocol}/${service.port} IPv${service.family}`;
  return [name, where, ...rateCells(rates), short(Math.round(refused)), `${open}`, '', service.algorithm];
}

function memberRows(service: ServiceStatus, { members }: ServiceRates, status: BalancerStatus): string[][] {
  const rates = new Map(members.map((member) => [member.member, member.rates]));
  return service.members.map((member) => {
    const of = rates.get(member.member) ?? { packets: 0, bytes: 0, flows: 0 };
    const name = `  ${member.member}`;
    const slots = percent(member.slots, member.slotsTotal);
    const open = member.connections === null ? '-' : `${member.connections}`;
    const state = stateOf(service, member, status);
    return [name, endpoint(member.address, member.port), ...rateCells(of), '', open, slots, state];
  });
}

function stateOf(service: ServiceStatus, { member, full }: ServiceMemberStatus, status: BalancerStatus): string {
  const pool = status.pools.find(({ owner, loadBalancer, pool: name, family }) => {
    return (
      owner === service.owner &&
      loadBalancer === service.loadBalancer &&
      name === service.pool &&
      family === service.family
    );
  });
  const report = pool?.members.find((one) => one.member === member);
  if (report === undefined) return full ? 'full' : '';
  const { state, restoreAtWallMs, drain } = report;
  const ends = until(drain?.endsAtWallMs ?? restoreAtWallMs, status.nowWallMs);
  return [full ? 'full' : state, ends].filter((part) => part !== '').join(' ');
}

function rateCells({ flows, packets, bytes }: Rates): string[] {
  return [short(Math.round(flows)), short(Math.round(packets)), short(Math.round(bytes))];
}

function difference(before: TrafficTotals, after: TrafficTotals, seconds: number): Rates {
  return {
    packets: risen(before.packets, after.packets) / seconds,
    bytes: risen(before.bytes, after.bytes) / seconds,
    flows: risen(before.flows, after.flows) / seconds,
  };
}

/** Counters only rise; one that is lower has begun anew. */
function risen(before: number, after: number): number {
  return after >= before ? after - before : after;
}

function refusedOf({ refused }: ServiceStatus): number {
  return refused.limit + refused.rate + refused.source + refused.none;
}
