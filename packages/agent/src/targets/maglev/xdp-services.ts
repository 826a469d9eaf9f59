import { PROTOCOL_NUMBERS } from '@higgins/balancing';
import { bitsOf, type Prefix, parsePrefix } from '@higgins/ipdata';
import type { XdpDevice, XdpHop, XdpService } from '@higgins/netlink';
import type { DesiredService } from './model.js';
import type { Hop, Surroundings } from './surroundings.js';

/** Addresses of one service that the program's table holds one by one; a longer list or range stays with nftables. */
const ADDRESSES_MAX = 4_096;

/** What decides whether a service can be served in XDP. */
export interface XdpMeans {
  readonly surroundings: Surroundings;
  /** Null where the kernel does not tell what its devices can do. */
  readonly devices: readonly XdpDevice[] | null;
  readonly mode: 'native' | 'generic';
}

/** Why nftables has to serve this service alone, for people; null if XDP can serve it as well. */
export function obstacleOf(service: DesiredService, means: XdpMeans): string | null {
  return obstacleInService(service) ?? obstacleInDevices(service, means) ?? obstacleInMembers(service, means);
}

/**
 * The service as the program takes it: its hash, slots and members are those of the nftables rules. It must be one
 * without obstacle.
 */
export function xdpServiceOf(service: DesiredService, { hops }: Surroundings): XdpService {
  const { id, family, port, choice, table, members } = service;
  if (choice.kind !== 'hash') throw new TypeError(`service ${id} is not chosen by hash`);
  const { fields, sourcePrefixLength: prefix } = choice.key;
  const names = [...members.keys()].sort();
  const positions = new Map(names.map((name, index) => [name, index]));
  const memberOfSlot = Uint16Array.from(table.members, (name) => positions.get(name)!);
  return {
    ...{ id, family, protocol: PROTOCOL_NUMBERS[service.protocol], port, devices: [...service.interfaces].sort() },
    addresses: addressesOf(service)!,
    ...{ seed: choice.seed, fields },
    ...(prefix ? { sourcePrefixLength: family === 4 ? prefix.ipv4 : prefix.ipv6 } : {}),
    routed: service.dataPath === 'dsr-l3',
    members: names.map((name) => ({ name, hop: hopTo(members.get(name)!.address, hops) })),
    slots: table.slots.map((member) => memberOfSlot[member]!),
  };
}

function obstacleInService(service: DesiredService): string | null {
  if (service.dataPath === 'nat') return 'destination translation needs connection tracking';
  if (service.choice.kind !== 'hash') return 'members are not chosen by hash';
  if (service.interfaces.length === 0) return 'no receiving interfaces are named';
  if (service.affinity !== null) return 'affinity is remembered by nftables';
  if (service.connectionsPerSecond !== null) return 'connections per second are limited by nftables';
  if (service.allow !== null || service.block.length > 0) return 'source ranges are checked by nftables';
  if (service.mirror !== null) return 'packets are mirrored by nftables';
  if (service.addresses.length === 0) return 'no addresses are named';
  if (addressesOf(service) === null) return `more than ${ADDRESSES_MAX} addresses`;
  return null;
}

function obstacleInDevices({ interfaces }: DesiredService, { devices, mode }: XdpMeans): string | null {
  if (devices === null) return null;
  const missing = interfaces.find((name) => !devices.some((device) => device.name === name));
  if (missing !== undefined) return `device ${missing} is not there`;
  if (mode === 'generic') return null;
  const passive = devices.find(({ name, receives }) => interfaces.includes(name) && !receives);
  return passive ? `the driver of device ${passive.name} runs no XDP programs` : null;
}

function obstacleInMembers(service: DesiredService, { surroundings: { hops }, devices }: XdpMeans): string | null {
  for (const [name, { address }] of service.members) {
    const hop = hops.get(address);
    if (!hop) return `member ${name} can't be reached`;
    if (service.dataPath === 'dsr-l2' && !hop.onLink) return `member ${name} is not on a link of this node`;
    const leaving = devices?.find((device) => device.name === hop.device);
    if (service.interfaces.some((device) => device !== hop.device) && leaving?.transmits === false)
      return `device ${hop.device}, which leads to member ${name}, can't send for XDP`;
  }
  return null;
}

/** Where the MAC address of the next hop is known, it is used; else the kernel is asked with each packet. */
function hopTo(address: string, hops: ReadonlyMap<string, Hop>): XdpHop {
  const hop = hops.get(address);
  if (!hop || hop.mac === null) return { kind: 'route', address: bytesOf(parsePrefix(address).words) };
  return { kind: 'neighbour', device: hop.device, mac: Buffer.from(hop.mac.replaceAll(':', ''), 'hex') };
}

/** All addresses one by one; null if they are too many. */
function addressesOf({ addresses }: DesiredService): Uint8Array[] | null {
  const all: Uint8Array[] = [];
  for (const text of addresses) {
    const [first, last] = endsOf(text);
    const count = last - first + 1n;
    if (count > ADDRESSES_MAX - all.length) return null;
    const bytes = text.includes(':') ? 16 : 4;
    for (let address = first; address <= last; address++) all.push(bytesOfNumber(address, bytes));
  }
  return all;
}

function endsOf(text: string): [bigint, bigint] {
  const [from = text, to] = text.split('-');
  const first = parsePrefix(from);
  if (to !== undefined) return [numberOf(first), numberOf(parsePrefix(to))];
  const host = (1n << BigInt(bitsOf(first.family) - first.length)) - 1n;
  return [numberOf(first), numberOf(first) | host];
}

function numberOf({ words }: Prefix): bigint {
  return words.reduce((number, word) => (number << 32n) | BigInt(word), 0n);
}

function bytesOfNumber(number: bigint, bytes: number): Uint8Array {
  return Buffer.from(number.toString(16).padStart(bytes * 2, '0'), 'hex');
}

function bytesOf(words: Uint32Array): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(words.length * 4));
  for (const [index, word] of words.entries()) bytes.setUint32(index * 4, word);
  return new Uint8Array(bytes.buffer);
}
