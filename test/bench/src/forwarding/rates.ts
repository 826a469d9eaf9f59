import { Netlink } from '@higgins/netlink';
import type { Outcome } from '../harness/benchmark.js';
import { median } from '../harness/statistics.js';
import { ForwardingNetwork } from './network.js';
import { pathsOf } from './paths.js';

/** Bursts of each path, alternating, so that what else the machine does meets all of them. */
const ROUNDS = 7;
const BURST_MS = 400;
/** Below that, it is not the same work. */
const DELIVERED_MIN = 0.99;
const LOADS = [
  { name: '64 flows', flows: 64 },
  { name: 'a new flow per packet', flows: 50_000_000 },
];

/** Packets per second on every path, and as a multiple of plain forwarding in the same run. */
export async function measureRates(directory: string, progress: (text: string) => void): Promise<readonly Outcome[]> {
  const network = new ForwardingNetwork(directory);
  const netlink = new Netlink();
  const paths = pathsOf(network, directory);
  for (const { name, obstacle } of paths) if (obstacle !== null) progress(`${name} is skipped: ${obstacle}`);
  const possible = paths.filter(({ obstacle }) => obstacle === null);
  const outcomes: Outcome[] = [];
  for (const { name: load, flows } of LOADS) {
    const rates = new Map(possible.map(({ name }) => [name, [] as number[]]));
    for (let round = 0; round < ROUNDS; round++) {
      progress(`${load}, round ${round + 1} of ${ROUNDS}`);
      for (const path of possible) {
        await path.on();
        const { perProcessorSecond, delivered } = await network.burst(path.destination, flows, BURST_MS);
        await path.off();
        await netlink.deleteFlows({});
        if (delivered < DELIVERED_MIN) throw new Error(`${path.name}: ${delivered} of the packets arrived`);
        rates.get(path.name)!.push(perProcessorSecond);
      }
    }
    outcomes.push(outcomeOf(load, rates));
  }
  return outcomes;
}

function outcomeOf(load: string, rates: ReadonlyMap<string, readonly number[]>): Outcome {
  const medians = [...rates].map(([name, samples]): [string, number] => [name, median(samples)]);
  const plain = medians[0]![1];
  return {
    parameters: { load, packet: '60 bytes of UDP', rounds: ROUNDS },
    figures: Object.fromEntries(
      medians.flatMap(([name, rate]) => [
        [name, { value: rate / 1000, unit: 'thousand packets per processor second' }],
        [`${name}, to forwarding`, { value: rate / plain, unit: '×' }],
      ]),
    ),
  };
}
