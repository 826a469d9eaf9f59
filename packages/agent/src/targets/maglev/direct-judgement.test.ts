import type { MemberEvidence } from '@higgins/netlink';
import { describe, expect, it } from 'vitest';
import { type DirectSubject, faultOf } from './direct-judgement.js';

const SILENCE: MemberEvidence = {
  ...{ present: false, served: false, refused: false, servedFrom: null, alive: false, rejectedBy: null },
  ...{ returned: false, claimed: false, obstacle: null },
};
const TCP: DirectSubject = { member: '10.3.0.11', address: '10.9.0.9', protocol: 'tcp', port: 443 };
const UDP: DirectSubject = { ...TCP, protocol: 'udp', port: 53 };
const TCP6: DirectSubject = { ...TCP, member: 'fd03::11', address: 'fd09::9' };

const fault = (subject: DirectSubject, seen: Partial<MemberEvidence>) => faultOf(subject, { ...SILENCE, ...seen });

describe('what evidence says of a member of direct server return', () => {
  it('L4-61: a member that is set up has no fault, whatever else is silent', () => {
    expect(fault(TCP, { present: true, served: true, alive: true })).toBeNull();
    expect(fault(TCP, { served: true, present: true })).toBeNull();
    expect(fault(UDP, { served: true, present: true })).toBeNull();
    expect(fault(UDP, { present: true, alive: true })).toBeNull();
  });

  it('L4-61: each misconfiguration has a word and a message of its own', () => {
    const faults = [
      fault(TCP, { alive: true }),
      fault(TCP, { present: true, served: true, alive: true, claimed: true }),
      fault(UDP, { present: true, refused: true, alive: true }),
      fault(UDP, { present: true, alive: true, servedFrom: '10.3.0.11' }),
      fault(TCP, { present: true, refused: true, alive: true }),
      fault(TCP6, { claimed: true }),
      fault(TCP, { returned: true, alive: true }),
      fault(TCP, {}),
    ];
    expect(faults).toEqual([
      "virtual-address-absent: 10.9.0.9 is not on the member's loopback device: 10.3.0.11 answers, 10.9.0.9 does not",
      'virtual-address-claimed: the member tells its neighbours by ARP that it has 10.9.0.9: set arp_ignore=1 and arp_announce=2 there',
      'server-not-bound: udp port 53 is closed at 10.9.0.9: bind the server to the virtual address',
      'server-not-bound: udp port 53 answers from 10.3.0.11 in place of 10.9.0.9: bind the server to the virtual address',
      'server-not-bound: tcp port 443 is closed at 10.9.0.9: bind the server to the virtual address',
      'virtual-address-claimed: the member answers neighbour solicitations for fd09::9: move it to the loopback device',
      'way-leads-back: packets for 10.9.0.9 come back from the way to 10.3.0.11: it needs a route there',
      'member-silent: neither 10.9.0.9 nor 10.3.0.11 answers',
    ]);
    expect(new Set(faults).size).toBe(faults.length);
    for (const each of faults) expect(each!.length).toBeLessThanOrEqual(200);
  });

  it('L4-61: whoever forwards or rejects what is for the address is named', () => {
    expect(fault(TCP, { rejectedBy: '10.3.0.11' })).toBe(
      "virtual-address-absent: 10.9.0.9 is not on the member's loopback device: 10.3.0.11 rejects packets for it",
    );
    expect(fault(UDP, { rejectedBy: '10.3.0.3' })).toContain('10.3.0.3 rejects');
  });

  it('L4-61: a full server, and silence of datagrams, are no misconfiguration', () => {
    expect(fault(TCP, { present: true, alive: true })).toBeNull();
    expect(fault(UDP, {})).toBeNull();
    expect(fault({ ...TCP, protocol: 'sctp' }, { present: true })).toBeNull();
  });
});
