import type { RelayLimits } from '@higgins/relay/core';
import type { RandomStream } from '@higgins/runtime';

/** How large a continent is, and what is connected with what: plain data. */
export interface ContinentShape {
  /** Relays without an upstream of their own among others: the first one; a second one has the first as its upstream. */
  readonly origins: number;
  readonly regions: number;
  readonly regionalsPerRegion: number;
  readonly edgesPerRegion: number;
  readonly popsPerEdge: number;
  readonly publishers: number;
  readonly listsPerPublisher: number;
  readonly foreignSubscribers: number;
  readonly hostilePeers: number;
  /** Those that ask every relay what it hands out. */
  readonly probes: number;
}

/** A relay, an agent or a client of the continent, with the relays that it may connect to, in order of preference. */
export interface Member {
  readonly name: string;
  readonly relays: readonly string[];
}

/** Everybody on a continent. */
export interface Members {
  readonly relays: readonly Member[];
  readonly pops: readonly Member[];
  readonly publishers: readonly Member[];
  readonly foreignSubscribers: readonly Member[];
  readonly hostilePeers: readonly Member[];
  readonly probes: readonly Member[];
}

/** A small continent: a seed of it runs in about a second. */
export function drawShape(random: RandomStream): ContinentShape {
  return {
    origins: 1 + random.integer(2),
    regions: 1 + random.integer(2),
    regionalsPerRegion: 1 + random.integer(2),
    edgesPerRegion: 1 + random.integer(2),
    popsPerEdge: 1 + random.integer(2),
    publishers: 1 + random.integer(2),
    listsPerPublisher: 1 + random.integer(2),
    foreignSubscribers: random.integer(2),
    hostilePeers: random.integer(2),
    probes: random.integer(2),
  };
}

/** What a seed draws about the relays' memory and the size of what is published. */
export interface Rates {
  readonly limits: Partial<RelayLimits>;
  /** See `ListAuthor`. */
  readonly entriesFactor: number;
}

/** Half of the continents have relays with so little room that they skip, evict and give up on slow subscribers. */
export function drawRates(random: RandomStream): Rates {
  const entriesFactor = random.pick([1, 1, 10, 80]);
  if (random.chance(0.5)) return { limits: {}, entriesFactor };
  const limits: Partial<RelayLimits> = {
    cacheBytesMax: Math.round(logarithmic(random, 8_000, 4_000_000)),
    trackHistoryBytesMax: Math.round(logarithmic(random, 1_000, 1_000_000)),
    trackHistoryMs: Math.round(logarithmic(random, 100, 60_000)),
    conflationBacklogBytes: Math.round(logarithmic(random, 200, 32_000)),
    subscriptionBacklogBytes: Math.round(logarithmic(random, 500, 1_000_000)),
    behindGroupsMax: 1 + random.integer(50),
    behindMsMax: Math.round(logarithmic(random, 500, 30_000)),
    fetchBacklogBytes: Math.round(logarithmic(random, 500, 1_000_000)),
    resumeHoldBytesMax: Math.round(logarithmic(random, 500, 4_000_000)),
    lingerMs: Math.round(logarithmic(random, 100, 30_000)),
  };
  return { limits, entriesFactor };
}

/** Names everybody, and draws who connects to whom. */
export function drawMembers(random: RandomStream, shape: ContinentShape): Members {
  const origins = count(shape.origins).map((index) => `origin-${index}`);
  const regions = count(shape.regions);
  const regionals = regions.map((region) =>
    count(shape.regionalsPerRegion).map((index) => `regional-${region}-${index}`),
  );
  const edges = regions.map((region) => count(shape.edgesPerRegion).map((index) => `edge-${region}-${index}`));
  const relays = [
    ...origins.map((name, index) => ({ name, relays: index === 0 ? [] : [origins[0]!] })),
    ...regionals.flat().map((name) => ({ name, relays: shuffled(random, origins) })),
    ...edges.flatMap((names, region) =>
      names.map((name) => {
        // Some edges may go past their region when all of it is gone.
        const last = random.chance(0.5) ? [random.pick(origins)] : [];
        return { name, relays: [...shuffled(random, regionals[region]!), ...last] };
      }),
    ),
  ];
  const everywhere = edges.flat();
  const pops = edges.flatMap((names, region) =>
    names.flatMap((edge) =>
      count(shape.popsPerEdge).map((index) => {
        const near = [
          edge,
          ...shuffled(
            random,
            names.filter((name) => name !== edge),
          ),
        ];
        const far = everywhere.filter((name) => !edges[region]!.includes(name));
        return {
          name: `pop-${edge.slice('edge-'.length)}-${index}`,
          relays: far.length > 0 && random.chance(0.5) ? [...near, random.pick(far)] : near,
        };
      }),
    ),
  );
  const anyRelay = () => [random.pick([...origins, ...regionals.flat(), ...everywhere])];
  return {
    relays,
    pops,
    publishers: count(shape.publishers).map((index) => ({
      name: `publisher-${index}`,
      relays: shuffled(random, origins),
    })),
    foreignSubscribers: count(shape.foreignSubscribers).map((index) => ({
      name: `subscriber-${index}`,
      relays: anyRelay(),
    })),
    hostilePeers: count(shape.hostilePeers).map((index) => ({
      name: `hostile-${index}`,
      relays: [...anyRelay(), ...anyRelay()],
    })),
    probes: count(shape.probes).map((index) => ({ name: `probe-${index}`, relays: relays.map(({ name }) => name) })),
  };
}

function count(items: number): number[] {
  return Array.from({ length: items }, (_, index) => index + 1);
}

function shuffled<Item>(random: RandomStream, items: readonly Item[]): Item[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.integer(rest.length), 1)[0]!);
}

function logarithmic(random: RandomStream, min: number, max: number): number {
  return min * (max / min) ** random.next();
}
