import { measureApart, obstacleOfBalancer } from '../forwarding/isolation.js';
import { measureTables } from '../forwarding/tables.js';
import type { Benchmark } from '../harness/benchmark.js';

/** Packets through the node on every data path. */
export const forwarding: Benchmark = {
  name: 'forwarding',
  description:
    'packet rate of NAT, direct server return and XDP against plain forwarding, alternating in one run, beside nftlb; ' +
    'over veth in namespaces, frames made as a network card’s driver hands them over, everything on one processor, ' +
    'per second that it works on them: generator and receiver included, which brings the ratios closer to 1',
  obstacle: obstacleOfBalancer,
  run: (context) => measureApart('rates', context),
};

/** How soon a backend is out. */
export const ejection: Benchmark = {
  name: 'ejection',
  description:
    'time from the decision that one of five backends is out to the kernel’s new table, the table’s making included, ' +
    'beside nftlb over its interface',
  obstacle: obstacleOfBalancer,
  run: (context) => measureApart('ejection', context),
};

/** Many services at once. */
export const reload: Benchmark = {
  name: 'reload',
  description: 'time to bring 1,000 services into the kernel, and to change some of them, beside nftlb',
  obstacle: obstacleOfBalancer,
  run: (context) => measureApart('reload', context),
};

/** Maglev tables: time, bytes, and flows that move. */
export const tables: Benchmark = {
  name: 'tables',
  description:
    'time to make a Maglev table, its bytes, and the share of 200,000 flows of other members that move when a member ' +
    'fails, and when it leaves the pool; nftlb’s rules by their own arithmetic',
  obstacle: () => null,
  run: async () => measureTables(),
};

/** The process that checks members and programs the kernel. */
export const balancerProcess: Benchmark = {
  name: 'balancer',
  description:
    'processor time and private memory of the load balancer’s process with 100 services of 50 checked members',
  obstacle: obstacleOfBalancer,
  run: (context) => measureApart('process', context),
};
