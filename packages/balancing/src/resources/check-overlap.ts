import { AddressError } from '@higgins/ipdata';
import { type AddressRange, overlap, parseRange } from './addresses.js';
import type { BalancerConfiguration, Listener } from './model.js';
import { type ProblemPath, type Report, refusal } from './problem.js';

interface Claim {
  readonly path: ProblemPath;
  readonly listener: Listener;
  /** Empty: every address of the host. */
  readonly ranges: readonly AddressRange[];
}

/** Reports listeners that claim what an earlier one has: the same protocol, port, address and interface on one node. */
export function checkOverlap({ loadBalancers }: BalancerConfiguration, report: Report): void {
  const claims = new Map<string, Claim[]>();
  for (const [index, { listeners, addresses }] of loadBalancers.entries()) {
    for (const [position, listener] of listeners.entries()) {
      const texts = listener.addresses.length > 0 ? listener.addresses : addresses;
      const path = ['loadBalancers', index, 'listeners', position];
      const claim: Claim = { path, listener, ranges: texts.flatMap(rangesOf) };
      const key = `${listener.protocol} ${listener.port}`;
      const others = claims.get(key) ?? [];
      const rival = others.find((candidate) => collide(candidate, claim));
      if (rival !== undefined) report([...path, 'port'], rivalText(claim, rival));
      claims.set(key, [...others, claim]);
    }
  }
}

function collide(a: Claim, b: Claim): boolean {
  return addressesMeet(a.ranges, b.ranges) && interfacesMeet(a.listener.interfaces, b.listener.interfaces);
}

function addressesMeet(a: readonly AddressRange[], b: readonly AddressRange[]): boolean {
  return a.length === 0 || b.length === 0 || a.some((range) => b.some((other) => overlap(range, other)));
}

function interfacesMeet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === 0 || b.length === 0 || a.some((name) => b.includes(name));
}

function rivalText({ listener }: Claim, rival: Claim): string {
  const what = `${listener.protocol} ${listener.port}`;
  return refusal(what, `a protocol and port that no other listener has here; "${rival.listener.name}" has it`);
}

/** Texts that are no range are reported elsewhere. */
function rangesOf(text: string): AddressRange[] {
  try {
    return [parseRange(text)];
  } catch (error) {
    if (error instanceof AddressError) return [];
    throw error;
  }
}
