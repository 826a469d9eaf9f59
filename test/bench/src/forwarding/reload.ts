import { type DesiredService, MaglevTarget } from '@higgins/agent';
import { Netlink } from '@higgins/netlink';
import type { Figure, Outcome } from '../harness/benchmark.js';
import { median } from '../harness/statistics.js';
import { ForwardingNetwork } from './network.js';
import { applyFarms, type FarmShape, obstacleOfNftlb } from './nftlb.js';
import { serviceOf } from './services.js';

const SERVICES = 1_000;
const FARMS = 50;
const MEMBERS = 5;
const TABLE_SIZE = 4_093;
const ROUNDS = 5;
const SIGNAL = new AbortController().signal;

/** A thousand services: taken over for the first time, changed in part, and not at all. */
export async function measureReload(directory: string, progress: (text: string) => void): Promise<readonly Outcome[]> {
  new ForwardingNetwork(directory);
  const target = new MaglevTarget({ netlink: new Netlink(), bootMs: () => performance.now() });
  const apply = async (services: readonly DesiredService[]) => {
    const startedMs = performance.now();
    await target.apply({ services }, SIGNAL);
    return performance.now() - startedMs;
  };
  const services = Array.from({ length: SERVICES }, (_, index) => service(index));
  progress('all services, for the first time');
  const first = await apply(services);
  const unchanged: number[] = [];
  const one: number[] = [];
  const added: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    progress(`changes, round ${round + 1} of ${ROUNDS}`);
    unchanged.push(await apply(services));
    one.push(await apply([service(0, round % MEMBERS), ...services.slice(1)]));
    added.push(await apply([...services, service(SERVICES)]));
    await apply(services);
  }
  await target.flush();
  const figures: Record<string, Figure> = {
    'all for the first time': { value: first, unit: 'ms' },
    'nothing changed, median': { value: median(unchanged), unit: 'ms' },
    'a member of one service ejected, median': { value: median(one), unit: 'ms' },
    'one service more, median': { value: median(added), unit: 'ms' },
  };
  const outcomes = [{ parameters: { services: SERVICES, members: MEMBERS, slots: TABLE_SIZE }, figures }];
  return [...outcomes, await besideNftlb(directory, apply, progress)];
}

/** With a thousand services it does not end within minutes. */
async function besideNftlb(
  directory: string,
  apply: (services: readonly DesiredService[]) => Promise<number>,
  progress: (text: string) => void,
): Promise<Outcome> {
  const services = Array.from({ length: FARMS }, (_, index) => service(index));
  const figures: Record<string, Figure> = { 'all for the first time': { value: await apply(services), unit: 'ms' } };
  await apply([]);
  const obstacle = obstacleOfNftlb();
  progress(obstacle === null ? 'nftlb' : `nftlb is skipped: ${obstacle}`);
  if (obstacle === null) {
    const startedMs = performance.now();
    applyFarms(directory, services.map(farmOf));
    figures['nftlb, all for the first time'] = { value: performance.now() - startedMs, unit: 'ms' };
  }
  return { parameters: { services: FARMS, members: MEMBERS, slots: TABLE_SIZE }, figures };
}

function farmOf({ id, addresses, port, members }: DesiredService): FarmShape {
  return { name: id, mode: 'dnat', address: addresses[0]!, port, protocol: 'tcp', backends: [...members.keys()] };
}

function service(index: number, ejected: number | null = null): DesiredService {
  const members = Array.from({ length: MEMBERS }, (_, member) => ({
    address: `10.2.${1 + (index % 250)}.${10 + member}`,
    sharePercent: member === ejected ? 0 : 100,
  }));
  const address = `10.8.${Math.floor(index / 250)}.${1 + (index % 250)}`;
  return serviceOf({ id: `s${index}`, address, port: 80, protocol: 'tcp', tableSize: TABLE_SIZE, members });
}
