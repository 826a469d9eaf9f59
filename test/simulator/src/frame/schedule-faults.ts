import { describeFault, type Fault, isMomentary, type NodeFault, stalls } from './fault.js';
import type { SimulatedNode } from './node.js';
import type { Simulation } from './simulation.js';

/** Schedules the plan; returns when the last fault is over. */
export function scheduleFaults(simulation: Simulation, faults: readonly Fault[]): number {
  let overAtMs = 0;
  for (const fault of faults) {
    const endMs = fault.atMs + fault.durationMs;
    overAtMs = Math.max(overAtMs, endMs);
    const undo: Undo = { run: null };
    if (fault.kind === 'old-disk') scheduleSnapshot(simulation, fault, undo);
    simulation.world.schedule(fault.atMs, () => begin(simulation, fault, undo));
    simulation.world.schedule(endMs, () => end(simulation, fault));
  }
  return overAtMs;
}

/** Everything is well again, whatever the faults were. */
export function healAll(simulation: Simulation): void {
  simulation.links.clear();
  simulation.network.healAll();
  for (const identity of simulation.identities.values()) identity.renew();
  for (const node of simulation.nodes.values()) {
    simulation.network.reading(node.name).bytesPerSecond = Number.POSITIVE_INFINITY;
    node.machine.disk.writeFailure = null;
    node.machine.slewWallClock(0);
    if (node.target !== null) Object.assign(node.target, { refusal: null, delayMs: 0 });
    if (node.service !== null) node.service.serving = true;
    node.resume();
    if (node.standsBy) node.crash();
    else node.start();
  }
}

/** What a fault that has begun leaves to be done at its end, beside what its kind says. */
interface Undo {
  run: (() => void) | null;
}

function scheduleSnapshot(simulation: Simulation, fault: NodeFault & { kind: 'old-disk' }, undo: Undo): void {
  const { disk } = nodeOf(simulation, fault).machine;
  simulation.world.schedule(fault.snapshotAtMs, () => {
    const snapshot = disk.snapshot();
    undo.run = () => disk.restore(snapshot);
  });
}

function begin(simulation: Simulation, fault: Fault, undo: Undo): void {
  tell(simulation, fault, 'begin');
  if ('node' in fault) beginOnNode(simulation, fault, undo);
  else if (fault.kind === 'reset') simulation.network.resetConnections(fault.left, fault.right);
  else simulation.links.begin(fault);
}

function beginOnNode(simulation: Simulation, fault: NodeFault, undo: Undo): void {
  const node = nodeOf(simulation, fault);
  const { machine } = node;
  switch (fault.kind) {
    case 'crash':
      node.crash();
      break;
    case 'reboot':
      reboot(simulation, node);
      break;
    case 'pause':
      node.pause();
      break;
    case 'sleep':
      machine.sleep();
      break;
    case 'drain':
      node.drain(fault.durationMs);
      break;
    case 'hostile-peer':
      node.start();
      break;
    case 'zombie':
      node.pause();
      nodeNamed(simulation, fault.standby).start();
      break;
    case 'wall-clock-step':
      machine.stepWallClock(fault.byMs);
      break;
    case 'wall-clock-rate':
      machine.slewWallClock(fault.ppm);
      break;
    case 'mass-reconnect':
      simulation.network.resetHost(node.name);
      break;
    case 'stalled-reader':
      read(simulation, node, 0);
      break;
    case 'slow-reader':
      read(simulation, node, fault.bytesPerSecond);
      break;
    case 'certificate-expiry':
      simulation.identities.get(node.name)?.expire(simulation.world.wallMs());
      if (fault.resets) simulation.network.resetHost(node.name);
      break;
    case 'disk-full':
      machine.disk.writeFailure = 'no space left on device';
      break;
    case 'target-refuses':
      if (node.target !== null) node.target.refusal = 'the kernel refuses';
      break;
    case 'target-slow':
      if (node.target !== null) node.target.delayMs = fault.delayMs;
      break;
    case 'target-drift':
      node.target?.flush();
      break;
    case 'service-refuses':
      if (node.service !== null) node.service.serving = false;
      break;
    case 'disk-loss':
      rebootWith(simulation, node, () => machine.disk.lose());
      break;
    case 'torn-disk':
      rebootWith(simulation, node, () => machine.disk.spoilLastWrite(fault.outcome));
      break;
    case 'old-disk':
      rebootWith(simulation, node, () => undo.run?.());
      break;
  }
}

function end(simulation: Simulation, fault: Fault): void {
  if (isMomentary(fault)) return;
  tell(simulation, fault, 'end');
  if ('node' in fault) endOnNode(simulation, fault);
  else simulation.links.end(fault);
}

function endOnNode(simulation: Simulation, fault: NodeFault): void {
  const node = nodeOf(simulation, fault);
  const { machine } = node;
  switch (fault.kind) {
    case 'pause':
    case 'zombie':
      node.resume();
      break;
    case 'sleep':
      machine.wake();
      break;
    case 'hostile-peer':
      node.crash();
      break;
    case 'wall-clock-rate':
      machine.slewWallClock(0);
      break;
    case 'stalled-reader':
    case 'slow-reader':
      read(simulation, node, Number.POSITIVE_INFINITY);
      break;
    case 'certificate-expiry':
      simulation.identities.get(node.name)?.renew();
      break;
    case 'disk-full':
      machine.disk.writeFailure = null;
      break;
    case 'target-refuses':
      if (node.target !== null) node.target.refusal = null;
      break;
    case 'target-slow':
      if (node.target !== null) node.target.delayMs = 0;
      break;
    case 'service-refuses':
      if (node.service !== null) node.service.serving = true;
      break;
    default:
      node.start();
      break;
  }
}

function read(simulation: Simulation, node: SimulatedNode, bytesPerSecond: number): void {
  simulation.network.reading(node.name).bytesPerSecond = bytesPerSecond;
}

/** What a full disk refused to keep is gone with the memory. */
function reboot(simulation: Simulation, node: SimulatedNode): void {
  node.reboot();
  if (node.machine.disk.outdated) simulation.observe({ kind: 'forgot', node: node.name });
}

/** The machine comes back with another disk than it had: what it knew, it cannot know any more. */
function rebootWith(simulation: Simulation, node: SimulatedNode, change: () => void): void {
  node.reboot();
  change();
  simulation.observe({ kind: 'forgot', node: node.name });
}

function nodeOf(simulation: Simulation, { node }: NodeFault): SimulatedNode {
  return nodeNamed(simulation, node);
}

function nodeNamed(simulation: Simulation, name: string): SimulatedNode {
  const node = simulation.nodes.get(name);
  if (node === undefined) throw new Error(`a fault names the node ${name}, which is not there`);
  return node;
}

function tell(simulation: Simulation, fault: Fault, phase: 'begin' | 'end'): void {
  const node = 'node' in fault ? fault.node : fault.left;
  simulation.coverage.fault(fault, phase, simulation.world.nowMs);
  simulation.observe({ kind: 'fault', node, phase, stalls: stalls(fault), what: `${phase} ${describeFault(fault)}` });
}
