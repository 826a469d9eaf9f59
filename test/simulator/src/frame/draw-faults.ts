import type { RandomStream } from '@higgins/runtime';
import type { Fault, FaultKind, LinkFault, LinkFaultKind, NodeFault, NodeFaultKind } from './fault.js';

/** What can go wrong in a topology. */
export interface FaultSpace {
  readonly links: readonly (readonly [string, string])[];
  /** What may happen to links. Default: partition, reset and loss. */
  readonly linkKinds?: readonly LinkFaultKind[];
  /** Nodes, by what may happen to them. */
  readonly nodes: Readonly<Partial<Record<NodeFaultKind, readonly string[]>>>;
  /** Who takes over from a node that becomes a zombie. */
  readonly standbys?: Readonly<Record<string, string>>;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly countMax: number;
  readonly durationMsMax: number;
}

/**
 * Draws a plan. Each seed first draws the kinds that occur in it (swarm testing), so that runs with one kind of fault
 * alone are as common as mixtures.
 */
export function drawFaults(random: RandomStream, space: FaultSpace): Fault[] {
  const possible = KINDS.filter((kind) => isPossible(space, kind));
  const kinds = possible.filter(() => random.chance(0.5));
  if (kinds.length === 0) kinds.push(random.pick(possible));
  const count = 1 + random.integer(space.countMax);
  const faults = Array.from({ length: count }, () => drawFault(random, space, random.pick(kinds)));
  return faults.sort((left, right) => left.atMs - right.atMs);
}

const KINDS: readonly FaultKind[] = [
  ...(['partition', 'crash', 'disk-loss', 'pause', 'reboot', 'sleep', 'reset', 'loss', 'wall-clock-step'] as const),
  ...(['bandwidth', 'delay', 'reordering', 'mtu', 'slow-reader', 'stalled-reader', 'mass-reconnect', 'drain'] as const),
  ...(['wall-clock-rate', 'disk-full', 'torn-disk', 'old-disk', 'certificate-expiry'] as const),
  ...(['hostile-peer', 'zombie', 'target-refuses', 'target-slow', 'target-drift', 'service-refuses'] as const),
];
const LINK_KINDS: ReadonlySet<FaultKind> = new Set<LinkFaultKind>([
  ...(['partition', 'reset', 'loss', 'bandwidth', 'delay', 'reordering', 'mtu'] as const),
]);
const LINK_KINDS_DEFAULT: readonly LinkFaultKind[] = ['partition', 'reset', 'loss'];

/** A wall clock that is wrong by more is a certificate's problem, not a TTL's. */
const WALL_CLOCK_STEP_MS_MAX = 3_600_000;
/** Ten times what a clock drifts by itself, and up to one that gains an hour a day. */
const WALL_CLOCK_PPM_MAX = 40_000;
/** From a modem to an office line; a value of a few KB passes within seconds. */
const BANDWIDTH_MIN = 4_000;
const BANDWIDTH_MAX = 500_000;
const DELAY_MS_MAX = 800;
/** A large transaction of a kernel on a busy machine. */
const TARGET_DELAY_MS_MAX = 5_000;
/** QUIC needs 1200 bytes; 1350 is what links have by default. */
const MTU_MIN = 1200;
const MTU_MAX = 1350;

function isLinkKind(kind: FaultKind): kind is LinkFaultKind {
  return LINK_KINDS.has(kind);
}

function isPossible(space: FaultSpace, kind: FaultKind): boolean {
  if (!isLinkKind(kind)) return (space.nodes[kind]?.length ?? 0) > 0;
  return space.links.length > 0 && (space.linkKinds ?? LINK_KINDS_DEFAULT).includes(kind);
}

function drawFault(random: RandomStream, space: FaultSpace, kind: FaultKind): Fault {
  const times = {
    atMs: random.between(space.fromMs, space.untilMs),
    // Short ones are as likely as long ones: what matters is on which side of a time-out they end.
    durationMs: space.durationMsMax * random.next() ** 2,
  };
  return isLinkKind(kind) ? drawLinkFault(random, space, kind, times) : drawNodeFault(random, space, kind, times);
}

type Times = Pick<Fault, 'atMs' | 'durationMs'>;

function drawLinkFault(random: RandomStream, { links }: FaultSpace, kind: LinkFaultKind, times: Times): LinkFault {
  const [one, other] = random.pick(links);
  const [left, right] = random.chance(0.5) ? [one, other] : [other, one];
  const link = { left, right, ...times };
  switch (kind) {
    case 'partition':
      return { kind, ways: random.chance(0.6) ? 'both' : 'left-to-right', ...link };
    case 'reset':
      return { kind, ...link, durationMs: 0 };
    case 'loss':
      return { kind, rate: random.between(0.01, 0.4), ...link };
    case 'reordering':
      return { kind, rate: random.between(0.01, 0.6), ...link };
    case 'bandwidth':
      return { kind, bytesPerSecond: Math.round(logarithmic(random, BANDWIDTH_MIN, BANDWIDTH_MAX)), ...link };
    case 'delay':
      return { kind, latencyMs: random.next() * DELAY_MS_MAX, jitterMs: random.next() ** 2 * DELAY_MS_MAX, ...link };
    case 'mtu':
      return { kind, bytes: MTU_MIN + random.integer(MTU_MAX - MTU_MIN), ...link };
  }
}

function drawNodeFault(random: RandomStream, space: FaultSpace, kind: NodeFaultKind, times: Times): NodeFault {
  const node = random.pick(space.nodes[kind]!);
  const at = { node, ...times };
  switch (kind) {
    case 'wall-clock-step':
      return {
        kind,
        byMs: Math.round(random.between(-WALL_CLOCK_STEP_MS_MAX, WALL_CLOCK_STEP_MS_MAX)),
        ...at,
        durationMs: 0,
      };
    case 'wall-clock-rate':
      return { kind, ppm: Math.round(random.between(-WALL_CLOCK_PPM_MAX, WALL_CLOCK_PPM_MAX)), ...at };
    case 'slow-reader':
      return { kind, bytesPerSecond: Math.round(logarithmic(random, 100, BANDWIDTH_MAX)), ...at };
    case 'torn-disk':
      return { kind, outcome: random.pick(['lost', 'torn']), ...at };
    case 'old-disk':
      return { kind, snapshotAtMs: times.atMs * random.next(), ...at };
    case 'certificate-expiry':
      return { kind, resets: random.chance(0.7), ...at };
    case 'zombie':
      return { kind, standby: space.standbys![node]!, ...at };
    case 'target-slow':
      return { kind, delayMs: TARGET_DELAY_MS_MAX * random.next() ** 2, ...at };
    case 'target-drift':
    case 'mass-reconnect':
      return { kind, ...at, durationMs: 0 };
    default:
      return { kind, ...at };
  }
}

function logarithmic(random: RandomStream, min: number, max: number): number {
  return min * (max / min) ** random.next();
}
