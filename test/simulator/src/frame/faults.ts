import type { RandomStream } from '@higgins/runtime';
import type { SimulatedNode } from './node.js';
import type { Simulation } from './simulation.js';

/** One thing that goes wrong, as data: a plan can be printed, replayed and shrunk. Times are the world's. */
export type Fault = { readonly atMs: number; readonly durationMs: number } & (
  | {
      readonly kind: 'partition';
      readonly left: string;
      readonly right: string;
      readonly ways: 'both' | 'left-to-right';
    }
  | { readonly kind: 'crash' | 'disk-loss' | 'pause' | 'reboot' | 'sleep'; readonly node: string }
  | { readonly kind: 'reset'; readonly left: string; readonly right: string }
  | { readonly kind: 'loss'; readonly left: string; readonly right: string; readonly rate: number }
  | { readonly kind: 'wall-clock-step'; readonly node: string; readonly byMs: number }
);

export type FaultKind = Fault['kind'];

type NodeFaultKind = Extract<Fault, { node: string }>['kind'];

/** What can go wrong in a topology. */
export interface FaultSpace {
  readonly links: readonly (readonly [string, string])[];
  /** Nodes, by what may happen to them. */
  readonly nodes: Readonly<Record<NodeFaultKind, readonly string[]>>;
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

/** Schedules the plan; returns when the last fault is over. */
export function scheduleFaults(simulation: Simulation, faults: readonly Fault[]): number {
  let overAtMs = 0;
  for (const fault of faults) {
    const endMs = fault.atMs + fault.durationMs;
    overAtMs = Math.max(overAtMs, endMs);
    simulation.world.schedule(fault.atMs, () => begin(simulation, fault));
    simulation.world.schedule(endMs, () => end(simulation, fault));
  }
  return overAtMs;
}

/** Everything is well again, whatever the faults were. */
export function healAll(simulation: Simulation): void {
  simulation.network.healAll();
  for (const node of simulation.nodes.values()) {
    node.resume();
    node.start();
  }
}

export function describeFault(fault: Fault): string {
  const { kind, atMs, durationMs } = fault;
  const where = 'node' in fault ? fault.node : `${fault.left} ${fault.right}`;
  const detail = 'ways' in fault ? ` ${fault.ways}` : 'byMs' in fault ? ` by ${fault.byMs} ms` : '';
  return `${kind} of ${where}${detail} at ${Math.round(atMs)} ms for ${Math.round(durationMs)} ms`;
}

const KINDS = [
  'partition',
  'crash',
  'disk-loss',
  'pause',
  'reboot',
  'sleep',
  'reset',
  'loss',
  'wall-clock-step',
] as const;
/** What can hold deliveries up so that no relay can count it. */
const STALLING: readonly FaultKind[] = ['partition', 'pause', 'sleep', 'loss'];
const WALL_CLOCK_STEP_MS_MAX = 3_600_000;

function isPossible(space: FaultSpace, kind: FaultKind): boolean {
  if (kind === 'partition' || kind === 'reset' || kind === 'loss') return space.links.length > 0;
  return space.nodes[kind].length > 0;
}

function drawFault(random: RandomStream, space: FaultSpace, kind: FaultKind): Fault {
  const times = {
    atMs: random.between(space.fromMs, space.untilMs),
    // Short ones are as likely as long ones: what matters is on which side of a time-out they end.
    durationMs: space.durationMsMax * random.next() ** 2,
  };
  if (kind === 'partition' || kind === 'reset' || kind === 'loss') {
    const [one, other] = random.pick(space.links);
    const [left, right] = random.chance(0.5) ? [one, other] : [other, one];
    if (kind === 'reset') return { kind, left, right, ...times, durationMs: 0 };
    if (kind === 'loss') return { kind, left, right, rate: random.between(0.01, 0.4), ...times };
    return { kind, left, right, ways: random.chance(0.6) ? 'both' : 'left-to-right', ...times };
  }
  const node = random.pick(space.nodes[kind]);
  if (kind !== 'wall-clock-step') return { kind, node, ...times };
  const byMs = Math.round(random.between(-WALL_CLOCK_STEP_MS_MAX, WALL_CLOCK_STEP_MS_MAX));
  return { kind, node, byMs, ...times, durationMs: 0 };
}

function begin(simulation: Simulation, fault: Fault): void {
  const { network } = simulation;
  tell(simulation, fault, 'begin');
  if (fault.kind === 'partition') {
    network.link(fault.left, fault.right).block();
    if (fault.ways === 'both') network.link(fault.right, fault.left).block();
  } else if (fault.kind === 'reset') {
    network.resetConnections(fault.left, fault.right);
  } else if (fault.kind === 'loss') {
    network.configure(fault.left, fault.right, { lossRate: fault.rate });
  } else {
    beginOnNode(simulation, fault);
  }
}

function beginOnNode(simulation: Simulation, fault: Extract<Fault, { node: string }>): void {
  const node = simulation.nodes.get(fault.node)!;
  if ('byMs' in fault) node.machine.stepWallClock(fault.byMs);
  else if (fault.kind === 'crash') node.crash();
  else if (fault.kind === 'reboot') node.reboot();
  else if (fault.kind === 'disk-loss') loseDisk(simulation, node);
  else if (fault.kind === 'pause') node.pause();
  else node.machine.sleep();
}

function end(simulation: Simulation, fault: Fault): void {
  if (fault.kind === 'reset' || fault.kind === 'wall-clock-step') return;
  tell(simulation, fault, 'end');
  if (fault.kind === 'partition') simulation.network.heal(fault.left, fault.right);
  else if (fault.kind === 'loss') simulation.network.configure(fault.left, fault.right, { lossRate: 0 });
  else if (fault.kind === 'pause') simulation.nodes.get(fault.node)!.resume();
  else if (fault.kind === 'sleep') simulation.nodes.get(fault.node)!.machine.wake();
  else simulation.nodes.get(fault.node)!.start();
}

/** The machine comes back as a new one would. */
function loseDisk(simulation: Simulation, node: SimulatedNode): void {
  node.reboot();
  node.machine.disk.lose();
  simulation.observe({ kind: 'forgot', node: node.name });
}

function tell(simulation: Simulation, fault: Fault, phase: 'begin' | 'end'): void {
  const node = 'node' in fault ? fault.node : fault.left;
  const stalls = STALLING.includes(fault.kind);
  simulation.observe({ kind: 'fault', node, phase, stalls, what: `${phase} ${describeFault(fault)}` });
}
