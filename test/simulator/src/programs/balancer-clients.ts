import type { RandomStream, VirtualWorld } from '@higgins/runtime';
import type { VirtualDataPath } from './balancer-kernel.js';

/** What connections of clients meet. */
export interface ClientsOptions {
  readonly world: VirtualWorld;
  readonly random: RandomStream;
  readonly kernel: VirtualDataPath;
  readonly ports: readonly number[];
  readonly address: Uint8Array;
  /** No new connections from this world time on. */
  readonly untilMs: number;
  /** What becomes of a first packet that the kernel sends to this address. */
  readonly outcome: (address: string) => 'answered' | 'refused' | 'lost';
}

/** Mean pause between two connections, time to an answer, and the longest life of a connection. */
const PAUSE_MS = 250;
const ANSWER_MS = 30;
const LIFE_MS_MAX = 20_000;

/** Clients of a node's listeners: they are no processes, only packets that the kernel meets. */
export function runClients(options: ClientsOptions): void {
  const { world, random, kernel, ports, address, untilMs, outcome } = options;
  const connect = () => {
    if (world.nowMs >= untilMs) return;
    world.schedule(world.nowMs + PAUSE_MS * 2 * random.next(), connect);
    const port = random.pick(ports);
    const service = [...kernel.services()].find((each) => each.port === port);
    if (service === undefined) return;
    const flow = kernel.connect(service.id, {
      ...{ protocol: 'tcp', destinationAddress: address, destinationPort: port },
      sourceAddress: Uint8Array.from([10, 2, random.integer(256), random.integer(256)]),
      sourcePort: 1024 + random.integer(60_000),
    });
    if (flow === null) return;
    const met = outcome(flow.address);
    if (met !== 'lost') world.schedule(world.nowMs + ANSWER_MS, () => kernel.answer(flow.id, met));
    const lifeMs = met === 'answered' ? LIFE_MS_MAX * random.next() : ANSWER_MS;
    world.schedule(world.nowMs + lifeMs, () => kernel.end(flow.id));
  };
  connect();
}
