import type { MarkedRoute } from '@higgins/netlink';
import { addEntrance } from './dispatch.js';
import { addErrors } from './icmp-errors.js';
import type { NumberedMember } from './ids.js';
import { digestOf, markText, namesOf, priorityName, SHARED } from './names.js';
import type { TableBuilder } from './ruleset.js';
import { addSelection, type PlacedService, rateLimit, refuseRule, rememberRule, sourceRules } from './selection.js';
import type { Surroundings } from './surroundings.js';

/** From where destination translation stands to before connection tracking, behind reassembly of fragments. */
const BEFORE_TRACKING = -200;
const FIRST_PACKET = 'tcp flags & (fin | syn | rst | ack) == syn';

/**
 * Services whose packets leave as they came, but for MAC addresses: taken up where a device receives them, and sent out of
 * the member's device at once. Nothing is remembered of a flow; every packet is led by its hash.
 */
export function addLinkReturn(
  table: TableBuilder,
  placed: readonly PlacedService[],
  { devices, hops }: Surroundings,
): void {
  if (placed.length === 0) return;
  table.rule(SHARED.refuse, 'meta l4proto tcp reject with tcp reset', 'reject');
  const groups = new Map<string, { priority: number; names: readonly string[]; placed: PlacedService[] }>();
  for (const each of placed) {
    const { service } = each;
    addService(table, each, (member) => {
      const hop = hops.get(member.address);
      // A member whose MAC address nobody tells gets nothing; its packets are counted, and lost.
      if (!hop?.onLink || hop.mac === null) return 'drop';
      return `ether saddr set ${hop.deviceMac} ether daddr set ${hop.mac} fwd to "${hop.device}"`;
    });
    const names = service.interfaces.length > 0 ? [...service.interfaces].sort() : devices;
    const chain = `dsr.ingress.${priorityName(service.priority)}.${digestOf(names.join(' '), 8)}`;
    const group = groups.get(chain) ?? { priority: service.priority, names, placed: [] };
    group.placed.push(each);
    groups.set(chain, group);
  }
  for (const [chain, { priority, names, placed: here }] of groups) {
    // Without a device nothing is received either.
    if (names.length === 0) continue;
    const quoted = names.map((name) => `"${name}"`).join(', ');
    const hook = `type filter hook ingress devices = { ${quoted} } priority ${priority}; policy accept;`;
    addEntrance(
      table,
      { chain, hook, received: false, onLink: true },
      here.map(({ service }) => service),
    );
    addErrors(table, chain, here, false);
  }
}

/** Services whose packets take the route of their member's mark, unchanged but for the hop that this is. */
export function addRoutedReturn(table: TableBuilder, placed: readonly PlacedService[]): void {
  if (placed.length === 0) return;
  for (const each of placed) {
    table.rule(table.chain(namesOf.service(each.service.id)), 'notrack');
    addService(table, each, () => 'accept');
  }
  for (const priority of new Set(placed.map(({ service }) => service.priority))) {
    const here = placed.filter(({ service }) => service.priority === priority);
    const chain = `dsr.prerouting.${priorityName(priority)}`;
    const hook = `type filter hook prerouting priority ${priority + BEFORE_TRACKING}; policy accept;`;
    addEntrance(
      table,
      { chain, hook, received: true, onLink: false },
      here.map(({ service }) => service),
    );
    addErrors(table, chain, here, true);
  }
}

/** The routes that marks of these services need; a member that can't be reached has none. */
export function routesOf(placed: readonly PlacedService[], { hops }: Surroundings): MarkedRoute[] {
  return placed
    .filter(({ service }) => service.dataPath === 'dsr-l3')
    .flatMap(({ service: { family }, members }) =>
      [...members.values()].flatMap(({ address, mark }) => {
        const hop = hops.get(address);
        return hop ? [{ family, mark, device: hop.deviceIndex, gateway: hop.gateway }] : [];
      }),
    );
}

/** Tells routes apart. */
export function routeText({ family, mark, device, gateway }: MarkedRoute): string {
  return `${family} ${mark} ${device} ${gateway}`;
}

function addService(table: TableBuilder, placed: PlacedService, send: (member: NumberedMember) => string): void {
  const { service } = placed;
  const chain = table.chain(namesOf.service(service.id));
  const rate = rateLimit(table, service);
  table.rule(chain, ...sourceRules(table, service));
  if (rate !== null && service.protocol === 'tcp')
    table.rule(chain, `${FIRST_PACKET} ${rate} ${refuseRule(table, service, 'rate')}`);
  const memberMap = addSelection(table, placed, 'meta mark');
  table.rule(chain, refuseRule(table, service, 'none'));
  for (const member of placed.members.values()) {
    table.element(memberMap, `${markText(member.mark)} : goto ${table.chain(member.chain)}`);
    const [sent, flows] = (['sent', 'flows'] as const).map((what) =>
      table.object('counter', namesOf.counted(member.chain, what), ''),
    );
    table.rule(member.chain, ...rememberRule(service, 'meta mark'));
    if (service.protocol === 'tcp') table.rule(member.chain, `${FIRST_PACKET} counter name "${flows}"`);
    table.rule(member.chain, `counter name "${sent}" ${send(member)}`);
  }
}
