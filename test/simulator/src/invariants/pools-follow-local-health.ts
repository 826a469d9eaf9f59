import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { VirtualDataPath } from '../programs/balancer-kernel.js';

export const guarantee: Guarantee = {
  id: 'pools-follow-local-health',
  statement:
    "a balancer's slots follow what its own checks find, and nothing that the bus does or says; they are never lost",
  design: [],
};

/** A balancer, and what is true around it, whatever it believes. */
export interface BalancerView {
  readonly node: string;
  readonly kernel: VirtualDataPath;
  /** Whether its process works, and its kernel takes what it is told. */
  able(): boolean;
  /** Whether a check of this address from this node is answered; null where that is open, as with losses. */
  reaches(address: string): boolean | null;
  /** Whether a service sends new flows to everybody when nobody is well. */
  failsOpen(service: string): boolean;
}

/** How long a balancer that is able may take. */
export interface HealthBounds {
  /** Until a member that does not answer gets no new flows. */
  readonly outMs: number;
  /** Until a member that answers gets some. */
  readonly inMs: number;
  /** Until services that are gone from the kernel are back. */
  readonly repairMs: number;
}

/** What is true of a balancer, and since when. */
interface Known {
  ableSinceMs: number | null;
  readonly reached: Map<string, { is: boolean | null; sinceMs: number }>;
  /** Members of services in the kernel, by service and member. */
  present: Map<string, number>;
  /** Since when there are services in the kernel, or none. */
  services: { are: boolean; sinceMs: number };
  /** Whether it must know from its disk what to balance. */
  settled: boolean;
  lookedAtMs: number;
  generation: number;
}

/** Every change of a kernel is judged, and the passing of time so often. */
const LOOK_MS = 50;
/** Services that stood so long are on the disk of a node that was able all the time. */
const SETTLED_MS = 3_000;

/** L4-38, L4-39, L4-76: who serves is decided on the node, by its own checks, also while the bus is away. */
export function poolsFollowLocalHealth(balancers: readonly BalancerView[], bounds: HealthBounds): Invariant {
  const { id } = guarantee;
  const known = new Map<string, Known>(balancers.map(({ node }) => [node, nothingKnown()]));
  return {
    ...guarantee,
    observe(observation) {
      const of = known.get(observation.node);
      if (observation.kind === 'fault' || observation.kind === 'started') {
        // Who begins anew has just become able, and what a fault changes may soon be as it was.
        if (of !== undefined && observation.kind === 'started') of.ableSinceMs = null;
        for (const each of known.values()) each.lookedAtMs = Number.NEGATIVE_INFINITY;
      }
      if (of !== undefined && observation.kind === 'forgot') of.settled = false;
    },
    check(nowMs) {
      for (const balancer of balancers) {
        const of = known.get(balancer.node)!;
        const { generation } = balancer.kernel;
        if (nowMs - of.lookedAtMs < LOOK_MS && of.generation === generation) continue;
        Object.assign(of, { lookedAtMs: nowMs, generation });
        look(balancer, of, nowMs);
        const problem = problemOf(balancer, of, bounds, nowMs);
        if (problem !== null) throw new Violation(id, `${balancer.node}: ${problem}`);
      }
    },
  };
}

function look({ kernel, able, reaches }: BalancerView, of: Known, nowMs: number): void {
  of.ableSinceMs = able() ? (of.ableSinceMs ?? nowMs) : null;
  const present = new Map<string, number>();
  let are = false;
  for (const { id, members } of kernel.services()) {
    are = true;
    for (const [name, { address }] of members) {
      const key = `${id} ${name}`;
      present.set(key, of.present.get(key) ?? nowMs);
      const is = reaches(address);
      const before = of.reached.get(address);
      if (before === undefined || before.is !== is) of.reached.set(address, { is, sinceMs: nowMs });
    }
  }
  of.present = present;
  if (of.services.are !== are) of.services = { are, sinceMs: nowMs };
  if (are && sinceOf(of, of.services.sinceMs, nowMs) > SETTLED_MS) of.settled = true;
}

function problemOf({ kernel, failsOpen }: BalancerView, of: Known, bounds: HealthBounds, nowMs: number): string | null {
  if (!of.services.are) {
    const goneMs = sinceOf(of, of.services.sinceMs, nowMs);
    if (of.settled && goneMs > bounds.repairMs) return `balances nothing for ${Math.round(goneMs)} ms`;
  }
  for (const { id, members, table } of kernel.services()) {
    if (table.slots.length === 0 && members.size > 0 && failsOpen(id)) return `${id} fails open, and has no slots`;
    const durations = [...members].map(([name, { address }]) => {
      const { is, sinceMs } = of.reached.get(address)!;
      return { name, is, forMs: sinceOf(of, Math.max(sinceMs, of.present.get(`${id} ${name}`)!), nowMs) };
    });
    const someoneIsWell = durations.some(({ is, forMs }) => is === true && forMs > bounds.inMs);
    for (const { name, is, forMs } of durations) {
      const serves = table.members.includes(name);
      if (is === true && !serves && forMs > bounds.inMs) return `${id} has no slots for ${name}, ${well(forMs)}`;
      if (is !== false || !serves || forMs <= bounds.outMs) continue;
      if (someoneIsWell || !failsOpen(id)) return `${id} has slots for ${name}, ${dead(forMs)}`;
    }
  }
  return null;
}

/** How long something has been so while the balancer was able to know it. */
function sinceOf({ ableSinceMs }: Known, sinceMs: number, nowMs: number): number {
  return ableSinceMs === null ? 0 : nowMs - Math.max(ableSinceMs, sinceMs);
}

function well(forMs: number): string {
  return `which has answered for ${Math.round(forMs)} ms`;
}

function dead(forMs: number): string {
  return `which has not answered for ${Math.round(forMs)} ms`;
}

function nothingKnown(): Known {
  const services = { are: false, sinceMs: 0 };
  const looked = { lookedAtMs: Number.NEGATIVE_INFINITY, generation: 0 };
  return { ableSinceMs: null, reached: new Map(), present: new Map(), services, settled: false, ...looked };
}
