import { type DesiredService, MaglevTarget, XdpAcceleration } from '@higgins/agent';
import { Netlink, xdpObstacle } from '@higgins/netlink';
import { BACKENDS, type ForwardingNetwork, FRONT, PORT, run, VIP } from './network.js';
import { applyFarms, type FarmShape, obstacleOfNftlb } from './nftlb.js';
import { serviceOf } from './services.js';

/** One way of packets through the node. */
export interface Path {
  readonly name: string;
  /** Where the generator sends to. */
  readonly destination: string;
  /** Why it can't be measured; null if it can. */
  readonly obstacle: string | null;
  on(): Promise<void>;
  off(): Promise<void>;
}

/** A prime above 100 slots for each of 655 members: the largest table that the product chooses by itself. */
const TABLE_SIZE = 65_537;

/** All ways, plain forwarding first. */
export function pathsOf(network: ForwardingNetwork, directory: string): readonly Path[] {
  const none = async () => {};
  return [
    { name: 'forwarding', destination: BACKENDS[0]!, obstacle: null, on: none, off: none },
    conntrack(),
    balanced('NAT', { dataPath: 'nat' }, network),
    balanced('L2 DSR', { dataPath: 'dsr-l2', interfaces: [FRONT] }, network),
    balanced('L3 DSR', { dataPath: 'dsr-l3', interfaces: [FRONT] }, network),
    balanced('XDP, L2 DSR', { dataPath: 'dsr-l2', interfaces: [FRONT], acceleration: 'require' }, network),
    balanced('XDP, L3 DSR', { dataPath: 'dsr-l3', interfaces: [FRONT], acceleration: 'require' }, network),
    nftlb('nftlb, NAT', 'dnat', directory),
    nftlb('nftlb, DSR', 'dsr', directory),
  ];
}

function conntrack(): Path {
  return {
    ...{ name: 'forwarding with connection tracking', destination: BACKENDS[0]!, obstacle: null },
    async on() {
      const chain = 'type filter hook forward priority 0; policy accept;';
      run(
        'nft',
        `add table ip track; add chain ip track passing { ${chain} }; add rule ip track passing ct state invalid drop`,
      );
    },
    async off() {
      run('nft', 'delete table ip track');
    },
  };
}

function balanced(
  name: string,
  shape: Pick<DesiredService, 'dataPath'> & Partial<Pick<DesiredService, 'interfaces' | 'acceleration'>>,
  { bpf }: ForwardingNetwork,
): Path {
  const members = BACKENDS.map((address) => ({ address }));
  const service = serviceOf({ ...shape, address: VIP, port: PORT, tableSize: TABLE_SIZE, members });
  const target = new MaglevTarget({
    ...{ netlink: new Netlink(), bootMs: () => performance.now() },
    acceleration: new XdpAcceleration({ directory: `${bpf}/balancer` }),
  });
  const isAccelerated = shape.acceleration === 'require';
  return {
    ...{ name, destination: VIP, obstacle: isAccelerated ? xdpObstacle() : null },
    on: async () => void (await target.apply({ services: [service] }, new AbortController().signal)),
    off: async () => await target.flush(),
  };
}

/** With the same backends and the same fields in its hash. It takes the device from the address's owner. */
function nftlb(name: string, mode: FarmShape['mode'], directory: string): Path {
  const farm: FarmShape = { name: 'web', mode, address: VIP, port: PORT, protocol: 'udp', backends: BACKENDS };
  return {
    ...{ name, destination: VIP, obstacle: obstacleOfNftlb() },
    async on() {
      run('ip', 'addr', 'add', `${VIP}/32`, 'dev', FRONT);
      applyFarms(directory, [farm]);
    },
    async off() {
      run('nft', 'flush ruleset');
      run('ip', 'addr', 'del', `${VIP}/32`, 'dev', FRONT);
    },
  };
}
