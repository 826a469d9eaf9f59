import { aggregate, diff, type IpSet, Ipv4Matcher, Ipv6Matcher, parseIpSet } from '@higgins/ipdata';
import { organisationList, parseListEntries } from '@higgins/signals';
import type { Benchmark, Figure, Outcome } from '../harness/benchmark.js';
import { realList, seededNumbers, syntheticPrefixes } from '../harness/data.js';
import { median } from '../harness/statistics.js';

const ADDRESSES = 1 << 20;
const ROUNDS = 9;

/** IP sets in memory: matching, parsing, comparing, packing. */
export const ipdata: Benchmark = {
  name: 'ipdata',
  description: `matches against sorted ranges, ${ADDRESSES} addresses of which half are on the list; median of ${ROUNDS} rounds`,
  obstacle: () => null,
  async run({ progress }) {
    const lists: readonly (readonly [string, string[]])[] = [
      ['github, release 2026-08-21', [...realList('github', 'ipv4'), ...realList('github', 'ipv6')]],
      ['10,000 synthetic prefixes', syntheticPrefixes(10_000)],
    ];
    return lists.map(([list, texts]) => {
      progress(list);
      return measure(list, texts);
    });
  },
};

function measure(list: string, texts: readonly string[]): Outcome {
  const set = parseIpSet(texts);
  const value = {
    owner: 'bench',
    version: 1,
    createdWallMs: null,
    expiry: 'hold',
    entries: parseListEntries(texts),
  } as const;
  const packed = organisationList.encode(value);
  const json = new TextEncoder().encode(JSON.stringify(texts));
  const half = parseIpSet(texts.filter((_, index) => index % 2 === 0));
  return {
    parameters: { list, ipv4: set.ipv4.size, ipv6: set.ipv6.size },
    figures: {
      'IPv4 matches': millionsPerSecond(ADDRESSES, matchIpv4(set)),
      ...(set.ipv6.size > 0 && { 'IPv6 matches': millionsPerSecond(ADDRESSES, matchIpv6(set)) }),
      'parse from text': milliseconds(() => parseIpSet(texts)),
      'aggregate IPv4': milliseconds(() => aggregate(set.ipv4)),
      'compare IPv4 with half of it': milliseconds(() => diff(set.ipv4, half.ipv4)),
      'decode and check, packed': milliseconds(() => organisationList.decode(packed)),
      'decode and check, JSON texts': milliseconds(() => parseIpSet(JSON.parse(new TextDecoder().decode(json)))),
      'size, packed': { value: packed.length, unit: 'bytes' },
      'size, JSON texts': { value: json.length, unit: 'bytes' },
    },
  };
}

function matchIpv4(set: IpSet): () => number {
  const next = seededNumbers(7);
  const matcher = new Ipv4Matcher(set.ipv4);
  const addresses = new Uint32Array(ADDRESSES);
  for (let index = 0; index < ADDRESSES; index++) {
    addresses[index] = index % 2 === 0 ? set.ipv4.words[next() % set.ipv4.size]! : next();
  }
  return () => {
    let matches = 0;
    for (let index = 0; index < ADDRESSES; index++) if (matcher.has(addresses[index]!)) matches++;
    return matches;
  };
}

function matchIpv6(set: IpSet): () => number {
  const next = seededNumbers(7);
  const matcher = new Ipv6Matcher(set.ipv6);
  const addresses = new Uint32Array(ADDRESSES * 4);
  for (let index = 0; index < ADDRESSES; index++) {
    const from = (next() % set.ipv6.size) * 4;
    addresses.set(set.ipv6.words.subarray(from, from + 4), index * 4);
    // Another address of the same region: as close as addresses that are not listed come.
    if (index % 2 === 1) addresses[index * 4 + 1] = next();
  }
  return () => {
    let matches = 0;
    for (let index = 0; index < ADDRESSES; index++) if (matcher.has(addresses, index * 4)) matches++;
    return matches;
  };
}

function millionsPerSecond(count: number, run: () => number): Figure {
  return { value: count / medianMs(run) / 1000, unit: 'million/s' };
}

function milliseconds(run: () => unknown): Figure {
  return { value: medianMs(run), unit: 'ms' };
}

// The results are kept, so that no compiler can leave the work out.
function medianMs(run: () => unknown): number {
  const results: unknown[] = [];
  const rounds = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    results.push(run());
    return performance.now() - started;
  });
  if (results.length !== ROUNDS) throw new Error('a round is missing');
  return median(rounds);
}
