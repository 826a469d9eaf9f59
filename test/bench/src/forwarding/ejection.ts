import { setTimeout as delay } from 'node:timers/promises';
import { type DesiredService, MaglevTarget, XdpAcceleration } from '@higgins/agent';
import type { TableSize } from '@higgins/balancing';
import { Netlink, xdpObstacle } from '@higgins/netlink';
import type { Figure, Outcome } from '../harness/benchmark.js';
import { percentile } from '../harness/statistics.js';
import { BACKENDS, ForwardingNetwork, FRONT, PORT, run, VIP } from './network.js';
import { Nftlb, obstacleOfNftlb } from './nftlb.js';
import { serviceOf } from './services.js';

const SIZES: readonly TableSize[] = [4_093, 16_381, 65_537];
const EJECTIONS = 200;
/** Between changes, as decisions about one service do not follow one another at once. */
const PAUSE_MS = 25;
const SIGNAL = new AbortController().signal;

/** From the decision that a backend is out to the kernel that sends it nothing, table and all. */
export async function measureEjection(
  directory: string,
  progress: (text: string) => void,
): Promise<readonly Outcome[]> {
  const { bpf } = new ForwardingNetwork(directory);
  const outcomes: Outcome[] = [];
  const kinds: readonly Pick<DesiredService, 'dataPath' | 'acceleration'>[] = [
    { dataPath: 'nat', acceleration: 'off' },
    { dataPath: 'dsr-l2', acceleration: 'off' },
    ...(xdpObstacle() === null ? [{ dataPath: 'dsr-l2', acceleration: 'require' } as const] : []),
  ];
  for (const tableSize of SIZES) {
    const figures: Record<string, Figure> = {};
    for (const kind of kinds) {
      const name = `${kind.dataPath}${kind.acceleration === 'off' ? '' : ' and XDP'}`;
      progress(`${name}, ${tableSize} slots`);
      Object.assign(figures, figuresOf(name, await ejections(kind, tableSize, `${bpf}/ejection`)));
    }
    outcomes.push({ parameters: { slots: tableSize, backends: BACKENDS.length, samples: EJECTIONS }, figures });
  }
  return [...outcomes, ...(await nftlbEjections(directory, progress))];
}

async function ejections(
  kind: Pick<DesiredService, 'dataPath' | 'acceleration'>,
  tableSize: TableSize,
  directory: string,
): Promise<number[]> {
  const target = new MaglevTarget({
    ...{ netlink: new Netlink(), bootMs: () => performance.now() },
    acceleration: new XdpAcceleration({ directory }),
  });
  const apply = async (ejected: number | null) => {
    const members = BACKENDS.map((address, index) => ({ address, sharePercent: index === ejected ? 0 : 100 }));
    const shape = { address: VIP, port: PORT, interfaces: [FRONT], tableSize, members };
    await target.apply({ services: [serviceOf({ ...shape, ...kind })] }, SIGNAL);
  };
  await apply(null);
  const samples: number[] = [];
  for (let ejection = 0; ejection < EJECTIONS; ejection++) {
    const decidedMs = performance.now();
    await apply(ejection % BACKENDS.length);
    samples.push(performance.now() - decidedMs);
    await delay(PAUSE_MS);
    await apply(null);
    await delay(PAUSE_MS);
  }
  await target.flush();
  return samples;
}

/** Its table has as many slots as backends, whatever else is set. */
async function nftlbEjections(directory: string, progress: (text: string) => void): Promise<Outcome[]> {
  const obstacle = obstacleOfNftlb();
  progress(obstacle === null ? 'nftlb' : `nftlb is skipped: ${obstacle}`);
  if (obstacle !== null) return [];
  const farm = { name: 'web', mode: 'dnat', address: VIP, port: PORT, protocol: 'udp', backends: BACKENDS } as const;
  run('ip', 'addr', 'add', `${VIP}/32`, 'dev', FRONT);
  await using nftlb = await Nftlb.start(directory, [farm]);
  const samples: number[] = [];
  for (let ejection = 0; ejection < EJECTIONS; ejection++) {
    const decidedMs = performance.now();
    await nftlb.setState('web', ejection % BACKENDS.length, 'down');
    samples.push(performance.now() - decidedMs);
    await delay(PAUSE_MS);
    await nftlb.setState('web', ejection % BACKENDS.length, 'up');
    await delay(PAUSE_MS);
  }
  const parameters = { slots: BACKENDS.length, backends: BACKENDS.length, samples: EJECTIONS };
  return [{ parameters, figures: figuresOf('nftlb, NAT', samples) }];
}

function figuresOf(name: string, samples: readonly number[]): Record<string, Figure> {
  return {
    [`${name}, p50`]: { value: percentile(samples, 0.5), unit: 'ms' },
    [`${name}, p99`]: { value: percentile(samples, 0.99), unit: 'ms' },
  };
}
