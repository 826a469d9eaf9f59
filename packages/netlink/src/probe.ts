import { NetlinkError } from './errors.js';
import { loadAddon } from './native.js';

/** Probes of one call. */
export const MEMBER_PROBES_MAX = 4_096;

/** Ports that questions come from, one for each probe: above those that Linux gives to connections unless told otherwise. */
export const MEMBER_PROBE_PORTS = { first: 61_000, last: 61_000 + MEMBER_PROBES_MAX - 1 } as const;

/** What is asked of one member about one virtual address. */
export interface MemberProbe {
  /** Index of the device that leads to the member. */
  readonly device: number;
  /** 6 bytes for Ethernet, empty otherwise. */
  readonly deviceMac: Uint8Array;
  /** Of the next hop: the member itself where it is on the link. Empty where the device has none. */
  readonly mac: Uint8Array;
  /** Whether no router is in between: then nobody forwards the questions, and neighbours are asked as well. */
  readonly onLink: boolean;
  /** The node's own address, to which answers come. All addresses are literal, and of one family. */
  readonly source: string;
  /** The member's own address. */
  readonly member: string;
  /** The virtual address. */
  readonly address: string;
  /** IP protocol: 6 (TCP) or 17 (UDP); of others the port is not asked. */
  readonly protocol: number;
  readonly port: number;
  /** What a datagram carries; empty for other protocols. */
  readonly payload: Uint8Array;
}

/** What was seen; silence is false and null everywhere. */
export interface MemberEvidence {
  /** Something came from the virtual address, be it a refusal. */
  readonly present: boolean;
  /** The port accepted a connection, or sent a datagram from the virtual address. */
  readonly served: boolean;
  /** The port refused: a reset, or an ICMP error of the host about a datagram. */
  readonly refused: boolean;
  /** A datagram came from this address in place of the virtual one. */
  readonly servedFrom: string | null;
  /** The member's own address answers an echo request. */
  readonly alive: boolean;
  /** Who said by an ICMP error that the virtual address is not there. */
  readonly rejectedBy: string | null;
  /** A question came back to this node: somebody on the way sends packets for the virtual address here. */
  readonly returned: boolean;
  /** The member tells neighbours (ARP, NDP) that the virtual address is at its MAC address. */
  readonly claimed: boolean;
  /** Why silence says nothing: a question could not be sent, or answers may have been lost in a flood; else null. */
  readonly obstacle: string | null;
}

/**
 * Asks members of direct server return, each by its MAC address and from the node's own, about virtual addresses; up to
 * three times within the window (in milliseconds, up to 2,000), at the end of which it resolves to what was seen, in the
 * order of the probes. A connection that a member accepts is reset. No state is left in the kernel.
 *
 * @throws NetlinkError, `not-permitted` without CAP_NET_RAW
 */
export async function probeMembers(
  probes: readonly MemberProbe[],
  windowMs: number,
): Promise<readonly MemberEvidence[]> {
  const { failure, evidence = [] } = await loadAddon().probeMembers(probes, windowMs);
  if (failure) throw new NetlinkError(failure.errno, null, failure.message);
  return evidence.map(({ servedFrom = null, rejectedBy = null, obstacle = null, ...seen }) => ({
    ...seen,
    ...{ servedFrom, rejectedBy, obstacle },
  }));
}

/** Why members can't be probed in this network namespace, such as a missing CAP_NET_RAW; null if they can. */
export function probeObstacle(): string | null {
  return loadAddon().probeObstacle();
}
