import { type RelayLimits, requireCertificate } from '@higgins/relay/core';
import { memoryAuthorities } from '@higgins/transport';
import type { SimulatedNode } from '../frame/node.js';
import type { Simulation } from '../frame/simulation.js';
import { relayProgram, relayUrl } from '../programs/relay.js';
import { eventTrack, listTrack, stormClientProgram } from '../programs/storm-client.js';
import { type StormContent, stormPublisherProgram } from '../programs/storm-publisher.js';

export interface LoadOptions {
  /** What each publisher writes. */
  readonly publishers: readonly StormContent[];
  readonly clients: number;
  /** World time from which on nothing new is written. */
  readonly untilMs: number;
  /** Relays to which publishers go, and edges that have them as upstreams; clients go to edges. */
  readonly origins?: number;
  readonly edges?: number;
  /** What differs from the defaults, at every relay. */
  readonly limits?: Partial<RelayLimits>;
  /** Clients hold two edges at once. */
  readonly standby?: boolean;
  /** See StormClientOptions; for the second client only. */
  readonly lazyConsumers?: boolean;
  /** See StormClientOptions; for every second client. The others are steady. */
  readonly churnMs?: number;
  /** Longest one-way delay between an edge and a client. */
  readonly clientMsMax?: number;
}

/** Publishers at origins, edges below all of them, and light clients at the edges. */
export interface LoadTopology {
  readonly origins: readonly string[];
  readonly edges: readonly string[];
  readonly relays: readonly string[];
  readonly publishers: readonly string[];
  readonly clients: readonly string[];
  /** Clients that follow every track all the time. */
  readonly steady: readonly string[];
  /** The tracks that clients follow. */
  readonly tracks: readonly string[];
  /** The tracks of one publisher. */
  tracksOf(publisher: string): readonly string[];
  node(name: string): SimulatedNode;
  start(): void;
}

const AUTHORITY = 'simulated authority';
const DISK_MS = 4;
/** One-way delays between relays, and from publishers. */
const UPSTREAM_MS_MIN = 10;
const UPSTREAM_MS_MAX = 60;

export function buildLoad(simulation: Simulation, options: LoadOptions): LoadTopology {
  const names = (kind: string, count: number) => Array.from({ length: count }, (_, index) => `${kind}-${index + 1}`);
  const origins = names('origin', options.origins ?? 2);
  const edges = names('edge', options.edges ?? 2);
  const publishers = names('publisher', options.publishers.length);
  const clients = names('client', options.clients);
  addRelays(simulation, options, origins, edges);
  for (const [index, name] of publishers.entries()) addPublisher(simulation, options, name, index, origins);
  for (const [index, name] of clients.entries()) addClient(simulation, options, name, index, edges);
  for (const { machine } of simulation.nodes.values()) machine.disk.latencyMs = DISK_MS;
  configureLinks(simulation, options, { origins, edges, publishers, clients });
  const tracksOf = (name: string) => tracksIn(options.publishers[publishers.indexOf(name)]!);
  return {
    ...{ origins, edges, publishers, clients, tracksOf },
    relays: [...origins, ...edges],
    steady: clients.filter((_, index) => options.churnMs === undefined || index % 2 === 0),
    tracks: publishers.flatMap(tracksOf),
    node: (name) => simulation.nodes.get(name)!,
    start() {
      for (const node of simulation.nodes.values()) node.start();
    },
  };
}

function tracksIn({ lists, events }: StormContent): string[] {
  return [...lists.map(listTrack), ...events.map(eventTrack)];
}

function addRelays(
  simulation: Simulation,
  { limits = {} }: LoadOptions,
  origins: readonly string[],
  edges: readonly string[],
): void {
  const add = (name: string, upstreams: readonly string[]) => {
    const common = { ...credentials(simulation, name), limits, authorizer: requireCertificate };
    simulation.node(machine(simulation, name), relayProgram({ ...common, upstreams }));
  };
  for (const name of origins) add(name, []);
  for (const name of edges) add(name, origins.map(relayUrl));
}

function addPublisher(
  simulation: Simulation,
  { publishers, untilMs }: LoadOptions,
  name: string,
  index: number,
  origins: readonly string[],
): void {
  const content = publishers[index]!;
  const relays = origins.map(relayUrl);
  const program = stormPublisherProgram({ ...credentials(simulation, name), relays, content, untilMs });
  simulation.node(machine(simulation, name), program);
}

function addClient(
  simulation: Simulation,
  options: LoadOptions,
  name: string,
  index: number,
  edges: readonly string[],
): void {
  const { publishers, standby = false, lazyConsumers = false, churnMs } = options;
  // Half of them prefer each edge.
  const start = index % edges.length;
  const program = stormClientProgram({
    ...{ ...credentials(simulation, name), standby, lazyConsumers: lazyConsumers && index === 1 },
    relays: [...edges.slice(start), ...edges.slice(0, start)].map(relayUrl),
    lists: publishers.flatMap(({ lists }) => lists),
    events: publishers.flatMap(({ events }) => events),
    ...(churnMs === undefined || index % 2 === 0 ? {} : { churnMs }),
  });
  simulation.node(machine(simulation, name), program);
}

type Members = Pick<LoadTopology, 'origins' | 'edges' | 'publishers' | 'clients'>;

function configureLinks(
  { network, random }: Simulation,
  { clientMsMax = 30 }: LoadOptions,
  { origins, edges, publishers, clients }: Members,
): void {
  const upstream = () => ({ latencyMs: random.between(UPSTREAM_MS_MIN, UPSTREAM_MS_MAX) });
  for (const origin of origins) {
    for (const other of [...edges, ...publishers]) network.configure(origin, other, upstream());
  }
  for (const client of clients) {
    for (const edge of edges) network.configure(edge, client, { latencyMs: random.between(1, clientMsMax) });
  }
}

function credentials(simulation: Simulation, name: string) {
  return {
    authoritiesPem: memoryAuthorities(AUTHORITY),
    identity: simulation.identity(name, { issuer: AUTHORITY, subject: name }),
  };
}

function machine({ random }: Simulation, name: string) {
  return { name, wallOffsetMs: random.between(-1000, 1000), driftPpm: random.between(-100, 100) };
}
