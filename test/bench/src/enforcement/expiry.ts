import { deadlinesOfAgent, type IsolatedHost, preciseWallMs } from '@higgins/cli';
import { type NamedList, parseListEntries } from '@higgins/signals';
import type { Outcome } from '../harness/benchmark.js';
import { percentile } from '../harness/statistics.js';
import type { GuardedList, Pops } from './pops.js';
import { Prober } from './prober.js';

const LISTS: readonly GuardedList[] = Array.from({ length: 25 }, (_, index) => ({
  list: `list-${index}`,
  port: 7100 + index,
}));
/** Long enough to publish and kill everything in before the first list expires. */
const TTL_MS = 30_000;
/** Lists expire one after the other, so that two probes at a time are enough. */
const STEP_MS = 1000;
const ENFORCED_MS_MAX = 10_000;
const PROBE_BEFORE_MS = 300;
const LATE_MS_MAX = 3000;
/** From RFC 5737: listed, and the source of the probes. */
const SOURCE = '203.0.113.9';

/** How late packets get the verdict that a list's expiry asks for, with nobody left but the kernels. */
export async function measureExpiry(pops: Pops, progress: (text: string) => void): Promise<readonly Outcome[]> {
  progress('starting relays and agents');
  await pops.start(LISTS);
  pops.addOutsideAddress(SOURCE);
  progress(`publishing ${LISTS.length} lists`);
  for (const [index, { list }] of LISTS.entries()) {
    await pops.commit(list, listOf(), TTL_MS + index * STEP_MS, ENFORCED_MS_MAX);
  }
  const deadlines = new Map<IsolatedHost, Map<string, number>>();
  for (const pop of pops.pops) deadlines.set(pop, await deadlinesOfAgent(pops.socketOf(pop)));
  await pops.killAll();
  progress('publisher, relays and agents are dead; waiting for the lists to expire');
  const expiries = (await Promise.all([...deadlines].map(([pop, ofLists]) => expiriesAt(pop, ofLists)))).flat();
  const samples = expiries.map(({ latenessMs }) => latenessMs);
  return [
    {
      parameters: { lists: LISTS.length, PoPs: pops.pops.length, samples: samples.length },
      figures: {
        'lateness p50': { value: percentile(samples, 0.5), unit: 'ms' },
        'lateness p99': { value: percentile(samples, 0.99), unit: 'ms' },
        'lateness max': { value: Math.max(...samples), unit: 'ms' },
        'lateness min': { value: Math.min(...samples), unit: 'ms' },
        'longest pause between probes at a change': {
          value: Math.max(...expiries.map(({ pauseMs }) => pauseMs)),
          unit: 'ms',
        },
      },
    },
  ];
}

interface Expiry {
  /** From the deadline to the first packet with the new verdict. */
  readonly latenessMs: number;
  /** From the last packet with the old verdict to that one: how exact the lateness is. */
  readonly pauseMs: number;
}

async function expiriesAt(pop: IsolatedHost, deadlines: ReadonlyMap<string, number>): Promise<Expiry[]> {
  const expiries: Expiry[] = [];
  for (const { list, port } of LISTS) {
    const deadline = [...deadlines].find(([track]) => track.endsWith(`/${list}`))?.[1];
    if (deadline === undefined) throw new Error(`${pop.name} names no deadline of ${list}`);
    const waitMs = deadline - PROBE_BEFORE_MS - preciseWallMs();
    if (waitMs < 0) throw new Error(`${list} expires before it can be probed`);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    using prober = await Prober.start({ source: SOURCE, destination: pop.address.ipv4, port });
    const { firstPassedWallMs, lastRefusedWallMs } = await prober.firstPassed(deadline + LATE_MS_MAX);
    expiries.push({ latenessMs: firstPassedWallMs - deadline, pauseMs: firstPassedWallMs - lastRefusedWallMs });
  }
  return expiries;
}

function listOf(): NamedList {
  const entries = parseListEntries([SOURCE]);
  return { owner: 'bench', version: 1, createdWallMs: null, expiry: 'open', entries };
}
