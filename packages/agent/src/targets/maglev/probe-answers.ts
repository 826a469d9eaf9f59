import { MEMBER_PROBE_PORTS } from '@higgins/netlink';
import { matchesSource } from './dispatch.js';
import type { DesiredService } from './model.js';
import type { TableBuilder } from './ruleset.js';

const CHAIN = 'dsr.answers';
const BASE = 'dsr.input';

/**
 * Keeps the host from answering the answers of members that are looked at: it knows of no connection, and its reset would
 * be led to a member like any packet of a client's. Packet sockets have heard them before that.
 */
export function addProbeAnswers(table: TableBuilder, services: readonly DesiredService[]): void {
  const direct = services.filter(({ dataPath, addresses, protocol }) => {
    return dataPath !== 'nat' && addresses.length > 0 && protocol !== 'sctp';
  });
  if (direct.length === 0) return;
  const { first, last } = MEMBER_PROBE_PORTS;
  table.chain(BASE, 'type filter hook input priority 0; policy accept;');
  table.rule(BASE, `meta l4proto { tcp, udp } th dport ${first}-${last} goto ${CHAIN}`);
  table.rule(CHAIN, ...direct.map((service) => `${matchesSource(service)} drop`));
}
