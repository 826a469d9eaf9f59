import { type NamedList, parseListEntries } from '@higgins/signals';
import type { Outcome } from '../harness/benchmark.js';
import { syntheticPrefixes } from '../harness/data.js';
import { percentile } from '../harness/statistics.js';
import type { CommitLatency, Pops } from './pops.js';

const ENTRIES = 10_000;
const CHANGED = 100;
const COMMITS = 100;
const TTL_MS = 600_000;
const ENFORCED_MS_MAX = 20_000;
const LIST = { list: 'churn', port: 7001 };

/** From a commit to both kernels: 10,000 entries, of which each commit replaces 1 %. */
export async function measureCommit(pops: Pops, progress: (text: string) => void): Promise<readonly Outcome[]> {
  progress('starting relays and agents');
  await pops.start([LIST]);
  const prefixes = syntheticPrefixes(ENTRIES + COMMITS * CHANGED);
  const samples: CommitLatency[][] = [];
  for (let commit = 0; commit <= COMMITS; commit++) {
    const texts = prefixes.slice(commit * CHANGED, commit * CHANGED + ENTRIES);
    samples.push(await pops.commit(LIST.list, listOf(texts, commit + 1), TTL_MS, ENFORCED_MS_MAX));
    if (commit % 20 === 0) progress(`${commit} of ${COMMITS} commits`);
  }
  const [first, ...changes] = samples.map((pops) => Math.max(...pops.map(({ enforcedMs }) => enforcedMs)));
  const firstPops = samples.slice(1).map((pops) => Math.min(...pops.map(({ enforcedMs }) => enforcedMs)));
  const known = samples.slice(1).map((pops) => Math.max(...pops.map(({ acknowledgedMs }) => acknowledgedMs)));
  return [
    {
      parameters: { entries: ENTRIES, 'changed per commit': CHANGED, commits: COMMITS, PoPs: pops.pops.length },
      figures: {
        'commit→enforced at both PoPs, p50': { value: percentile(changes, 0.5), unit: 'ms' },
        'commit→enforced at both PoPs, p99': { value: percentile(changes, 0.99), unit: 'ms' },
        'commit→enforced at the first PoP, p50': { value: percentile(firstPops, 0.5), unit: 'ms' },
        'commit→both acknowledgements, p50': { value: percentile(known, 0.5), unit: 'ms' },
        'commit→both acknowledgements, p99': { value: percentile(known, 0.99), unit: 'ms' },
        'first commit, all entries': { value: first!, unit: 'ms' },
      },
    },
  ];
}

function listOf(texts: readonly string[], version: number): NamedList {
  return { owner: 'bench', version, createdWallMs: null, expiry: 'open', entries: parseListEntries(texts) };
}
