import { describeFault, type Fault, type FaultKind } from './fault.js';

/** What goes wrong, as an operator would say it. */
export function faultWords(fault: Fault): string {
  return 'node' in fault ? nodeWords(fault) : linkWords(fault);
}

/** What is so again once it is over. */
export function healedWords(fault: Fault): string {
  if (!('node' in fault)) return `${fault.left} and ${fault.right} reach each other as before`;
  if (STARTS_AGAIN.has(fault.kind)) return `${fault.node} starts again`;
  return STOOD_STILL.has(fault.kind) ? `${fault.node} goes on` : `${fault.node} is as it was`;
}

/** A time span for people. */
export function durationWords(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Kinds of fault of one node that need nothing but its name. */
const PLAIN: Partial<Record<FaultKind, string>> = {
  crash: 'dies',
  reboot: 'loses its power',
  pause: 'stands still',
  sleep: 'sleeps, and its clock goes on',
  'disk-loss': 'loses its power, and its disk is empty after that',
  'disk-full': 'cannot write to its disk',
  'stalled-reader': 'reads nothing that arrives',
  'mass-reconnect': 'loses every connection at once',
  drain: 'sends everybody away and ends',
  'hostile-peer': 'comes to do harm',
  'target-refuses': 'has a kernel that refuses every transaction',
  'target-drift': 'has its kernel emptied by somebody else',
  'service-refuses': 'refuses whoever comes, although it works',
  'torn-disk': 'loses its power, and its last write with it',
};

const STARTS_AGAIN: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...(['crash', 'reboot', 'disk-loss', 'torn-disk', 'old-disk', 'drain'] as const),
]);
const STOOD_STILL: ReadonlySet<FaultKind> = new Set<FaultKind>(['pause', 'sleep', 'zombie']);

function nodeWords(fault: Extract<Fault, { node: string }>): string {
  const { node, kind } = fault;
  switch (fault.kind) {
    case 'slow-reader':
      return `${node} reads ${Math.round(fault.bytesPerSecond)} bytes per second`;
    case 'target-slow':
      return `the kernel of ${node} takes ${durationWords(fault.delayMs)} longer`;
    case 'wall-clock-step':
      return `the wall clock of ${node} jumps ${fault.byMs < 0 ? 'back' : 'ahead'} by ${durationWords(Math.abs(fault.byMs))}`;
    case 'wall-clock-rate':
      return `the wall clock of ${node} is wrong by ${fault.ppm} ppm`;
    case 'old-disk':
      return `${node} loses its power, and has the disk of ${durationWords(fault.atMs - fault.snapshotAtMs)} ago after that`;
    case 'certificate-expiry':
      return `the certificate of ${node} expires${fault.resets ? ', which ends its connections' : ''}`;
    case 'zombie':
      return `${node} stands still, and ${fault.standby} takes over`;
    default:
      return PLAIN[kind] === undefined ? describeFault(fault) : `${node} ${PLAIN[kind]}`;
  }
}

function linkWords(fault: Exclude<Fault, { node: string }>): string {
  const { left, right } = fault;
  const between = `between ${left} and ${right}`;
  switch (fault.kind) {
    case 'partition':
      return fault.ways === 'both'
        ? `${left} and ${right} cannot reach each other`
        : `nothing gets from ${left} to ${right}`;
    case 'reset':
      return `the connections ${between} are reset`;
    case 'loss':
      return `${percent(fault.rate)} of the packets ${between} are lost`;
    case 'reordering':
      return `${percent(fault.rate)} of the packets ${between} are overtaken`;
    case 'bandwidth':
      return `${Math.round(fault.bytesPerSecond)} bytes per second get through ${between}`;
    case 'delay':
      return `packets ${between} take ${durationWords(fault.latencyMs)} longer`;
    case 'mtu':
      return `no packet of more than ${fault.bytes} bytes passes ${between}`;
  }
}

function percent(rate: number): string {
  return `${(rate * 100).toFixed(0)} %`;
}
