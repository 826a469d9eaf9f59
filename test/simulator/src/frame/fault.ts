interface Times {
  /** World time. */
  readonly atMs: number;
  readonly durationMs: number;
}

/** What goes wrong between two hosts, in both directions unless it says otherwise. */
export type LinkFault = Times & { readonly left: string; readonly right: string } & (
    | { readonly kind: 'partition'; readonly ways: 'both' | 'left-to-right' }
    /** Every connection is reset once. */
    | { readonly kind: 'reset' }
    | { readonly kind: 'loss'; readonly rate: number }
    | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number }
    /** So much more latency and jitter than before. */
    | { readonly kind: 'delay'; readonly latencyMs: number; readonly jitterMs: number }
    | { readonly kind: 'reordering'; readonly rate: number }
    /** Larger packets pass no more. */
    | { readonly kind: 'mtu'; readonly bytes: number }
  );

/** What goes wrong on one node. */
export type NodeFault = Times & { readonly node: string } & (
    | {
        readonly kind:
          | 'crash'
          | 'reboot'
          | 'pause'
          /** As a pause, while the boot clock goes on. */
          | 'sleep'
          /** A reboot with an empty disk. */
          | 'disk-loss'
          /** Writes are refused. */
          | 'disk-full'
          /** Its program reads nothing that arrives, on any connection. */
          | 'stalled-reader'
          /** Everybody who is connected loses the connection at the same moment. */
          | 'mass-reconnect'
          /** Its relay sends everybody away, and ends when they have gone; it starts again at the end. */
          | 'drain'
          /** A node that stands by for nothing else starts, and does harm until the end. */
          | 'hostile-peer'
          /** What its program drives (a kernel) refuses every transaction. */
          | 'target-refuses'
          /** Somebody else empties what its program drives, once. */
          | 'target-drift'
          /** What it offers to others refuses them, while it works itself. */
          | 'service-refuses';
      }
    | { readonly kind: 'slow-reader'; readonly bytesPerSecond: number }
    /** Transactions of what its program drives take so much longer. */
    | { readonly kind: 'target-slow'; readonly delayMs: number }
    | { readonly kind: 'wall-clock-step'; readonly byMs: number }
    | { readonly kind: 'wall-clock-rate'; readonly ppm: number }
    /** A reboot, after which the newest write is gone or cut: the medium lied about its flush. */
    | { readonly kind: 'torn-disk'; readonly outcome: 'lost' | 'torn' }
    /** A reboot with the disk as it was at an earlier time. */
    | { readonly kind: 'old-disk'; readonly snapshotAtMs: number }
    /** New handshakes are refused until it is renewed. `resets`: all connections end when it expires. */
    | { readonly kind: 'certificate-expiry'; readonly resets: boolean }
    /** It is paused, another node takes over with a higher epoch, and it goes on as if nothing had been. */
    | { readonly kind: 'zombie'; readonly standby: string }
  );

/** One thing that goes wrong, as data: a plan can be printed, replayed and shrunk. */
export type Fault = LinkFault | NodeFault;

export type FaultKind = Fault['kind'];
export type LinkFaultKind = LinkFault['kind'];
export type NodeFaultKind = NodeFault['kind'];

/** What can hold deliveries up so that no relay can count it. */
const STALLING: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...(['partition', 'pause', 'sleep', 'loss'] as const),
  ...(['bandwidth', 'delay', 'reordering', 'mtu', 'stalled-reader', 'slow-reader', 'zombie'] as const),
]);

/** Happens at a moment, and has no end. */
const MOMENTARY: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...(['reset', 'mass-reconnect', 'wall-clock-step', 'target-drift'] as const),
]);

/** Whether it can hold deliveries up so that no relay can count it. */
export function stalls({ kind }: Fault): boolean {
  return STALLING.has(kind);
}

/** Whether it has no end of its own. */
export function isMomentary({ kind }: Fault): boolean {
  return MOMENTARY.has(kind);
}

/** One line for people. */
export function describeFault(fault: Fault): string {
  const { kind, atMs, durationMs } = fault;
  const where = 'node' in fault ? fault.node : `${fault.left} ${fault.right}`;
  return `${kind} of ${where}${detailOf(fault)} at ${Math.round(atMs)} ms for ${Math.round(durationMs)} ms`;
}

function detailOf(fault: Fault): string {
  switch (fault.kind) {
    case 'partition':
      return ` ${fault.ways}`;
    case 'loss':
    case 'reordering':
      return ` of ${(fault.rate * 100).toFixed(1)} %`;
    case 'bandwidth':
    case 'slow-reader':
      return ` to ${Math.round(fault.bytesPerSecond)} B/s`;
    case 'delay':
      return ` by ${Math.round(fault.latencyMs)} ms and up to ${Math.round(fault.jitterMs)} ms`;
    case 'mtu':
      return ` to ${fault.bytes} bytes`;
    case 'target-slow':
      return ` by ${Math.round(fault.delayMs)} ms`;
    case 'wall-clock-step':
      return ` by ${fault.byMs} ms`;
    case 'wall-clock-rate':
      return ` by ${fault.ppm} ppm`;
    case 'torn-disk':
      return ` (${fault.outcome})`;
    case 'old-disk':
      return ` from ${Math.round(fault.snapshotAtMs)} ms`;
    case 'certificate-expiry':
      return fault.resets ? ' with resets' : '';
    case 'zombie':
      return ` replaced by ${fault.standby}`;
    default:
      return '';
  }
}
