import type { Counted } from '@higgins/netlink';
import type { NumberedMember, Numbering } from './ids.js';
import type { DesiredService, MemberCounters, ServiceCounters } from './model.js';
import { type MemberCount, namesOf, type RefusalReason } from './names.js';

const NOTHING: Counted = { packets: 0, bytes: 0 };

/**
 * What the kernel counted of each service; a service's packets are those of its members. XDP counts packets beside the
 * rules, and no flows.
 */
export function countersOf(
  services: readonly DesiredService[],
  numbering: Numbering,
  counters: ReadonlyMap<string, Counted>,
  accelerated: ReadonlyMap<string, ReadonlyMap<string, Counted>>,
): ServiceCounters[] {
  const packets = (name: string) => (counters.get(name) ?? NOTHING).packets;
  return services.map((service) => {
    const { id } = service;
    const refused = (reason: RefusalReason) => packets(namesOf.refused(id, reason));
    const all = [...(numbering.get(id)?.values() ?? [])];
    const beside = accelerated.get(id);
    const members = new Map(
      all.map((member) => [
        member.name,
        memberCounters(service, member, counters, beside?.get(member.name) ?? NOTHING),
      ]),
    );
    const sum = (of: (member: MemberCounters) => number) =>
      [...members.values()].reduce((total, each) => total + of(each), 0);
    return {
      id,
      packets: sum((member) => member.packets),
      bytes: sum((member) => member.bytes),
      refused: { limit: refused('limit'), rate: refused('rate'), source: refused('source'), none: refused('none') },
      members,
    };
  });
}

function memberCounters(
  { protocol, dataPath }: DesiredService,
  { chain }: NumberedMember,
  counters: ReadonlyMap<string, Counted>,
  beside: Counted,
): MemberCounters {
  const counted = (what: MemberCount) => counters.get(namesOf.counted(chain, what)) ?? NOTHING;
  const [sent, flows] = [counted('sent'), counted('flows').packets];
  const answers = protocol === 'tcp' && dataPath === 'nat';
  return {
    ...{ packets: sent.packets + beside.packets, bytes: sent.bytes + beside.bytes, flows },
    opened: answers ? flows : 0,
    answered: counted('answered').packets,
    refused: counted('refused').packets,
  };
}
