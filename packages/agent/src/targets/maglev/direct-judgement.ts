import type { MemberEvidence } from '@higgins/netlink';
import type { DirectReturnOrder } from '../../balancer/core/contract.js';

/** What is wrong with a member of direct server return, as the word that its message begins with. */
export type DirectFault =
  /** No packet can be led to it. */
  | 'member-unreachable'
  /** Nothing of it answers. */
  | 'member-silent'
  /** It does not have the virtual address. */
  | 'virtual-address-absent'
  /** It tells its neighbours that it has the virtual address. */
  | 'virtual-address-claimed'
  /** Nobody serves the port at the virtual address. */
  | 'server-not-bound'
  /** What is sent to it comes back. */
  | 'way-leads-back';

/** A member and one of its virtual addresses, as messages name them. */
export interface DirectSubject {
  readonly member: string;
  readonly address: string;
  readonly protocol: DirectReturnOrder['protocol'];
  readonly port: number;
}

/**
 * What is wrong with a member by what was seen of it; null if nothing speaks against it. Only what a misconfiguration
 * shows counts: a server that is merely slow or full stays in, and a port that is silent although the address is there is
 * for active checks to judge.
 */
export function faultOf(subject: DirectSubject, evidence: MemberEvidence): string | null {
  const { member, address, protocol, port } = subject;
  const { present, served, refused, servedFrom, alive, rejectedBy } = evidence;
  if (evidence.returned) {
    return text('way-leads-back', `packets for ${address} come back from the way to ${member}: it needs a route there`);
  }
  if (evidence.claimed) return claimed(address);
  if (servedFrom !== null) {
    const where = `${protocol} port ${port} answers from ${servedFrom} in place of ${address}`;
    return text('server-not-bound', `${where}: bind the server to the virtual address`);
  }
  if (served) return null;
  if (refused) {
    const where = `${protocol} port ${port} is closed at ${address}`;
    return text('server-not-bound', `${where}: bind the server to the virtual address`);
  }
  if (present) return null;
  if (alive || rejectedBy !== null) {
    const by = rejectedBy === null ? `${member} answers, ${address} does not` : `${rejectedBy} rejects packets for it`;
    return text('virtual-address-absent', `${address} is not on the member's loopback device: ${by}`);
  }
  // A host that drops all that it does not know looks like this, and a datagram's server may be silent.
  if (protocol !== 'tcp') return null;
  return text('member-silent', `neither ${address} nor ${member} answers`);
}

/** A fault with its message. */
export function text(fault: DirectFault, message: string): string {
  return `${fault}: ${message}`;
}

function claimed(address: string): string {
  if (address.includes(':')) {
    const remedy = 'move it to the loopback device';
    return text('virtual-address-claimed', `the member answers neighbour solicitations for ${address}: ${remedy}`);
  }
  const remedy = 'set arp_ignore=1 and arp_announce=2 there';
  return text('virtual-address-claimed', `the member tells its neighbours by ARP that it has ${address}: ${remedy}`);
}
