import type { Family, KeyField } from '@higgins/balancing';
import { PROTOCOL_NUMBERS } from '@higgins/balancing';
import { headerOf } from './dispatch.js';
import type { DesiredService } from './model.js';
import { namesOf } from './names.js';
import type { TableBuilder } from './ruleset.js';
import type { PlacedService } from './selection.js';

/** ICMP messages that quote a packet: one that a member sent, so its source is the service and its destination the client. */
const MESSAGES = {
  4: 'icmp type { destination-unreachable, time-exceeded, parameter-problem }',
  6: 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }',
} as const;

/** Where the fields of a flow stand in an error, as bits behind the ICMP header's start: a quoted header without options. */
const QUOTED: Readonly<Record<Family, Readonly<Record<KeyField, string>>>> = {
  4: {
    'source-address': '@th,192,32',
    'destination-address': '@th,160,32',
    protocol: '@th,136,8',
    'source-port': '@th,240,16',
    'destination-port': '@th,224,16',
  },
  6: {
    'source-address': '@th,256,128',
    'destination-address': '@th,128,128',
    protocol: '@th,112,8',
    'source-port': '@th,400,16',
    'destination-port': '@th,384,16',
  },
};

/**
 * Leads ICMP errors about packets of these services, such as "packet too big", to the member that sent the packet: it is the
 * one that the client's packets are hashed to. Services that choose in turn, by part of a client's address or by memory have none.
 */
export function addErrors(
  table: TableBuilder,
  chain: string,
  placed: readonly PlacedService[],
  untracked: boolean,
): void {
  for (const each of placed) {
    const { service, size, generation } = each;
    const { id, family, choice, addresses, affinity } = service;
    if (affinity !== null || choice.kind !== 'hash' || choice.key.sourcePrefixLength || addresses.length === 0)
      continue;
    const errors = table.chain(`s.${id}.errors`);
    const key = choice.key.fields.map((field) => QUOTED[family][field]).join(' . ');
    const slot = `jhash ${key} mod ${choice.size} seed 0x${choice.seed.toString(16)}`;
    table.rule(
      errors,
      ...(untracked ? ['notrack'] : []),
      `meta mark set ${slot} map @${namesOf.slots(id, size, generation)}`,
      `meta mark vmap @${namesOf.members(service.id)}`,
    );
    table.rule(chain, `${quotedMatch(service)} goto ${errors}`);
  }
}

function quotedMatch({ family, addresses, protocol, port }: DesiredService): string {
  const fields = QUOTED[family];
  const quoted = `${fields.protocol} ${PROTOCOL_NUMBERS[protocol]} ${fields['destination-port']} ${port}`;
  return `${headerOf(family)} daddr { ${addresses.join(', ')} } ${MESSAGES[family]} ${quoted}`;
}
