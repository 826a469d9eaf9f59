import { createSocket } from 'node:dgram';
import { setTimeout as delay } from 'node:timers/promises';
import { formatAddress, parseAddress } from '@higgins/ipdata';
import { links, neighbours, wayTo } from '@higgins/netlink';
import type { DesiredService } from './model.js';

/** How the node reaches a member directly. */
export interface Hop {
  readonly device: string;
  readonly deviceIndex: number;
  readonly deviceMac: string;
  /** Next hop: the member itself where it is on the link. */
  readonly gateway: string;
  readonly onLink: boolean;
  /** Of the next hop; null while nobody answers for it. */
  readonly mac: string | null;
}

/** What direct server return depends on outside the balancer. */
export interface Surroundings {
  /** Ethernet devices that are up, sorted. */
  readonly devices: readonly string[];
  /** By member's address as it is written; those that can't be reached are missing. */
  readonly hops: ReadonlyMap<string, Hop>;
}

export const NO_SURROUNDINGS: Surroundings = { devices: [], hops: new Map() };

/** How long a neighbour may take to tell its MAC address, and how often it is looked for. */
const ANSWER_MS_MAX = 1_000;
const LOOK_EVERY_MS = 10;
/** Discard (RFC 863): what is sent there only makes the kernel ask for the neighbour's MAC address. */
const DISCARD_PORT = 9;
const MAC_CHARACTERS = 17;

/**
 * Looks around for these services. A MAC address that the kernel has forgotten since `previous`, as it does where nothing
 * is sent the usual way, still counts; only for a member that is new does this wait for an answer.
 */
export async function surroundingsOf(
  services: readonly DesiredService[],
  previous: Surroundings,
): Promise<Surroundings> {
  const direct = services.filter(({ dataPath }) => dataPath !== 'nat');
  if (direct.length === 0) return NO_SURROUNDINGS;
  const addresses = [...new Set(direct.flatMap(({ members }) => [...members.values()].map(({ address }) => address)))];
  const seen = look(addresses);
  const silent = [...seen.hops].filter(([, { mac }]) => mac === null);
  ask(silent.map(([, { gateway }]) => gateway));
  const isNew = ([address, { gateway }]: [string, Hop]) => previous.hops.get(address)?.gateway !== gateway;
  const unknown = silent.filter(isNew).map(([, { gateway }]) => gateway);
  if (unknown.length === 0) return remembering(seen, previous);
  await answered(unknown);
  return remembering(look(addresses), previous);
}

/** The ways to these addresses; those that can't be reached are missing. Waits for neighbours that nobody knows yet. */
export async function hopsTo(addresses: readonly string[]): Promise<ReadonlyMap<string, Hop>> {
  const { hops } = look(addresses);
  const silent = [...hops.values()].filter(isSilent).map(({ gateway }) => gateway);
  if (silent.length === 0) return hops;
  ask(silent);
  await answered(silent);
  return look(addresses).hops;
}

/** Whether the next hop ought to tell its MAC address and does not: devices without Ethernet's frames need none. */
export function isSilent({ mac, deviceMac }: Hop): boolean {
  return mac === null && deviceMac.length === MAC_CHARACTERS;
}

/** Whether both are the same as far as the ruleset is concerned. */
export function sameSurroundings(a: Surroundings, b: Surroundings): boolean {
  return a === b || JSON.stringify([a.devices, ...a.hops]) === JSON.stringify([b.devices, ...b.hops]);
}

function look(addresses: readonly string[]): Surroundings {
  const devices = links();
  const byIndex = new Map(devices.map((link) => [link.index, link]));
  const macs = new Map(neighbours().map(({ device, address, mac }) => [`${device} ${address}`, mac]));
  const hops = new Map<string, Hop>();
  for (const address of addresses) {
    const way = wayTo(address);
    const link = way && byIndex.get(way.device);
    if (!link || way.local) continue;
    const gateway = canonical(way.gateway ?? address);
    const mac = macs.get(`${way.device} ${gateway}`);
    hops.set(address, {
      ...{
        device: link.name,
        deviceIndex: link.index,
        deviceMac: macText(link.mac),
        gateway,
        onLink: way.gateway === null,
      },
      mac: mac ? macText(mac) : null,
    });
  }
  const ethernet = devices.filter(({ ethernet: frames, up }) => frames && up);
  return { devices: ethernet.map(({ name }) => name).sort(), hops };
}

function remembering({ devices, hops }: Surroundings, previous: Surroundings): Surroundings {
  const filled = [...hops].map(([address, hop]): [string, Hop] => {
    const before = previous.hops.get(address);
    const same = before?.gateway === hop.gateway && before.deviceIndex === hop.deviceIndex;
    return [address, hop.mac === null && same ? { ...hop, mac: before.mac } : hop];
  });
  return { devices, hops: new Map(filled) };
}

/** Makes the kernel ask for MAC addresses. */
function ask(addresses: readonly string[]): void {
  for (const address of new Set(addresses)) {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    // An ICMP error is as good an answer as any.
    socket.on('error', () => {});
    socket.send('', DISCARD_PORT, address, () => socket.close());
  }
}

/** Waits until all have answered or have had their time. */
async function answered(addresses: readonly string[]): Promise<void> {
  for (let waitedMs = 0; waitedMs < ANSWER_MS_MAX; waitedMs += LOOK_EVERY_MS) {
    const known = new Set(neighbours().map(({ address }) => address));
    if (addresses.every((address) => known.has(address))) return;
    await delay(LOOK_EVERY_MS);
  }
}

function canonical(address: string): string {
  const { family, words } = parseAddress(address);
  return formatAddress(family, words);
}

function macText(mac: Uint8Array): string {
  return Buffer.from(mac)
    .toString('hex')
    .replaceAll(/(..)(?!$)/g, '$1:');
}
