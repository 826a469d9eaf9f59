import type { TrafficSample } from '@higgins/balancing';
import type { MemberCounters, ServiceCounters } from '../../targets/maglev/model.js';
import { CONNECT_MS_DEFAULT, UNANSWERED_STEPS } from './limits.js';
import type { TrafficTotals } from './status.js';

/** What a member of a service did since the last look, and in total. */
interface MemberTraffic {
  /** As the kernel counted at the last look. */
  last: MemberCounters;
  /** Sums over everything the kernel counted, also before its counters began anew. */
  totals: MemberCounters;
  /** First packets by the time at which they were seen, the oldest first; those that are past their time are gone. */
  opened: { readonly bootMs: number; readonly opened: number }[];
  /** First packets of which it was said that nobody answered. */
  unanswered: number;
}

interface ServiceTraffic {
  last: ServiceCounters;
  totals: Omit<ServiceCounters, 'id' | 'members'>;
  readonly members: Map<string, MemberTraffic>;
}

/** What happened at one member between two looks. */
export interface MemberDifference {
  readonly member: string;
  /** New flows. */
  readonly flows: number;
  readonly sample: TrafficSample;
}

const NOTHING: MemberCounters = { packets: 0, bytes: 0, flows: 0, opened: 0, answered: 0, refused: 0 };
const NO_REFUSALS = { limit: 0, rate: 0, source: 0, none: 0 };
const FIELDS = ['packets', 'bytes', 'flows', 'opened', 'answered', 'refused'] as const;

/**
 * Makes differences and totals of the kernel's counters, and outcomes of real connections of the differences: an answer is
 * a success; a reset, or no answer in time, is a failure.
 */
export class TrafficBook {
  readonly #services = new Map<string, ServiceTraffic>();

  /** Forgets services that are gone. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of this.#services.keys()) if (!ids.has(id)) this.#services.delete(id);
  }

  /** Takes in counters of one service; differences are empty at the first look, when nobody knows how old the counts are. */
  counted(counters: ServiceCounters, connectMs: number | null, bootMs: number): MemberDifference[] {
    const service = this.#services.get(counters.id);
    if (service === undefined) {
      this.#services.set(counters.id, firstLook(counters, bootMs));
      return [];
    }
    addService(service, counters);
    for (const name of service.members.keys()) if (!counters.members.has(name)) service.members.delete(name);
    return [...counters.members].map(([member, now]) => {
      const known = service.members.get(member);
      if (known !== undefined) return differenceOf(member, known, now, connectMs ?? CONNECT_MS_DEFAULT, bootMs);
      // A member that came meanwhile: all that it did is new.
      const traffic = firstOf(NOTHING, bootMs);
      service.members.set(member, traffic);
      return differenceOf(member, traffic, now, connectMs ?? CONNECT_MS_DEFAULT, bootMs);
    });
  }

  totals(id: string): TrafficTotals {
    const service = this.#services.get(id);
    if (service === undefined) return NOTHING;
    const { packets, bytes } = service.totals;
    const flows = [...service.members.values()].reduce((sum, { totals }) => sum + totals.flows, 0);
    return { packets, bytes, flows };
  }

  refused(id: string): ServiceCounters['refused'] {
    return this.#services.get(id)?.totals.refused ?? NO_REFUSALS;
  }

  memberTotals(id: string, member: string): MemberCounters {
    return this.#services.get(id)?.members.get(member)?.totals ?? NOTHING;
  }
}

function firstLook(counters: ServiceCounters, bootMs: number): ServiceTraffic {
  const { packets, bytes, refused } = counters;
  const members = new Map([...counters.members].map(([name, counts]) => [name, firstOf(counts, bootMs)]));
  return { last: counters, totals: { packets, bytes, refused }, members };
}

function firstOf(counts: MemberCounters, bootMs: number): MemberTraffic {
  const { opened, answered, refused } = counts;
  // What was open before the first look is nobody's failure.
  return {
    last: counts,
    totals: counts,
    opened: [{ bootMs, opened }],
    unanswered: Math.max(0, opened - answered - refused),
  };
}

function addService(service: ServiceTraffic, counters: ServiceCounters): void {
  const { last, totals } = service;
  const restarted = counters.packets < last.packets;
  const add = (sum: number, now: number, before: number) => sum + (restarted ? now : Math.max(0, now - before));
  service.totals = {
    packets: add(totals.packets, counters.packets, last.packets),
    bytes: add(totals.bytes, counters.bytes, last.bytes),
    refused: {
      limit: add(totals.refused.limit, counters.refused.limit, last.refused.limit),
      rate: add(totals.refused.rate, counters.refused.rate, last.refused.rate),
      source: add(totals.refused.source, counters.refused.source, last.refused.source),
      none: add(totals.refused.none, counters.refused.none, last.refused.none),
    },
  };
  service.last = counters;
}

function differenceOf(
  member: string,
  traffic: MemberTraffic,
  now: MemberCounters,
  connectMs: number,
  bootMs: number,
): MemberDifference {
  const difference = subtract(now, traffic.last);
  traffic.last = now;
  traffic.totals = addUp(traffic.totals, difference);
  const late = unansweredOf(traffic, connectMs, bootMs);
  const sample = { successes: difference.answered, failures: difference.refused + late };
  return { member, flows: difference.flows, sample };
}

/** First packets whose time is up and which nobody has answered, beside those that were counted before. */
function unansweredOf(traffic: MemberTraffic, connectMs: number, bootMs: number): number {
  const { totals, opened } = traffic;
  const newest = opened.at(-1);
  if (newest === undefined || bootMs - newest.bootMs >= connectMs / UNANSWERED_STEPS) {
    opened.push({ bootMs, opened: totals.opened });
  }
  let due: number | null = null;
  while (opened[0] !== undefined && opened[0].bootMs <= bootMs - connectMs) due = opened.shift()!.opened;
  if (due === null) return 0;
  const late = Math.max(0, due - totals.answered - totals.refused - traffic.unanswered);
  traffic.unanswered += late;
  return late;
}

/** Counters that went back began anew. */
function subtract(now: MemberCounters, before: MemberCounters): MemberCounters {
  if (FIELDS.some((field) => now[field] < before[field])) return now;
  return combine(now, before, (left, right) => left - right);
}

function addUp(left: MemberCounters, right: MemberCounters): MemberCounters {
  return combine(left, right, (one, other) => one + other);
}

function combine(
  left: MemberCounters,
  right: MemberCounters,
  of: (left: number, right: number) => number,
): MemberCounters {
  return {
    packets: of(left.packets, right.packets),
    bytes: of(left.bytes, right.bytes),
    flows: of(left.flows, right.flows),
    opened: of(left.opened, right.opened),
    answered: of(left.answered, right.answered),
    refused: of(left.refused, right.refused),
  };
}
