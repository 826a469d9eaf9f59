import type { Family } from '@higgins/ipdata';
import { familyOf } from './addresses.js';
import type { LoadBalancer, Pool } from './model.js';
import { type Report, refusal, shown } from './problem.js';

/** A listener that leads to a pool. */
interface Lead {
  /** Of the listener, from 0. */
  readonly index: number;
  /** Those of its addresses; null: it has no addresses of its own or of its load balancer, and takes what there is. */
  readonly families: readonly Family[] | null;
}

const NO_TRANSLATION = 'only a proxy data path translates between families, and this version does not have it';

/**
 * Reports members that no listener reaches and listeners that reach no member, because their addresses are of different
 * families; a listener of both families of which one is not served gets a note.
 */
export function checkFamilies(report: Report, note: Report, loadBalancer: LoadBalancer): void {
  const leads = leadsOf(loadBalancer);
  for (const [index, pool] of loadBalancer.pools.entries()) {
    const own = leads.get(pool.name) ?? [];
    const members = pool.members.map(({ host }) => familyOf(host));
    checkMembers(report, pool, index, members, own);
    // A name may have addresses of either family.
    if (members.length > 0 && !members.includes(null)) checkLeads(report, note, pool, members, own);
  }
}

function leadsOf({ addresses, listeners }: LoadBalancer): Map<string, Lead[]> {
  const leads = new Map<string, Lead[]>();
  for (const [index, listener] of listeners.entries()) {
    const texts = listener.addresses.length > 0 ? listener.addresses : addresses;
    const families = [...new Set(texts.map((text): Family => (text.includes(':') ? 6 : 4)))];
    const pool = listener.rules[0]?.pool ?? '';
    const lead = { index, families: families.length === 0 ? null : families };
    const others = leads.get(pool);
    if (others === undefined) leads.set(pool, [lead]);
    else others.push(lead);
  }
  return leads;
}

function checkMembers(
  report: Report,
  { members }: Pool,
  pool: number,
  families: readonly (Family | null)[],
  leads: readonly Lead[],
): void {
  if (leads.length === 0 || leads.some((lead) => lead.families === null)) return;
  const served = new Set(leads.flatMap((lead) => lead.families ?? []));
  for (const [index, family] of families.entries()) {
    if (family === null || served.has(family)) continue;
    const expected = `an IPv${other(family)} address as the service has: ${NO_TRANSLATION}`;
    report(['pools', pool, 'members', index, 'host'], refusal(members[index]!.host, expected));
  }
}

function checkLeads(
  report: Report,
  note: Report,
  { name }: Pool,
  members: readonly (Family | null)[],
  leads: readonly Lead[],
): void {
  for (const { index, families } of leads) {
    const missing = (families ?? []).filter((family) => !members.includes(family));
    const [family] = missing;
    if (family === undefined) continue;
    const path = ['listeners', index, 'addresses'];
    if (missing.length < families!.length) note(path, `no member of ${shown(name)} has an IPv${family} address`);
    else report(path, refusal(`IPv${family}`, `IPv${other(family)} as the members have: ${NO_TRANSLATION}`));
  }
}

function other(family: Family): Family {
  return family === 4 ? 6 : 4;
}
