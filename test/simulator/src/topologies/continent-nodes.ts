import { StorageError } from '@higgins/client';
import { type Authorizer, requireCertificate } from '@higgins/relay/core';
import { parsePath } from '@higgins/signals';
import { decodeMemoryCertificate, memoryAuthorities } from '@higgins/transport';
import type { Simulation } from '../frame/simulation.js';
import { agentProgram } from '../programs/agent.js';
import { foreignSubscriberProgram } from '../programs/foreign-subscriber.js';
import { hostilePeerProgram } from '../programs/hostile-peer.js';
import { VirtualKernel } from '../programs/kernel.js';
import type { AuthoredList, ListAuthor } from '../programs/list-author.js';
import { publisherProgram } from '../programs/publisher.js';
import { relayProgram, relayUrl } from '../programs/relay.js';
import { relayProbeProgram } from '../programs/relay-probe.js';
import type { ContinentOptions } from './continent.js';
import type { Member, Rates } from './continent-shape.js';

const AUTHORITY = 'simulated authority';
const ENFORCE_MS = 3;
const WALL_OFFSET_MS_MAX = 5000;
/** Mean pause between two things that a hostile peer does on a connection. */
const HOSTILE_INTERVAL_MS = 40;
/** Mean pause between two questions to one relay. */
const PROBE_INTERVAL_MS = 1500;

/** A relay, with what it has room for. */
export function addRelay(simulation: Simulation, { name, relays }: Member, { limits }: Rates): void {
  const program = relayProgram({
    ...credentials(simulation, name),
    upstreams: relays.map(relayUrl),
    authorizer,
    limits,
  });
  simulation.node(machine(simulation, name), program);
}

/** A publisher, which watches the acknowledgements of all PoPs. */
export function addPublisher(
  simulation: Simulation,
  { name, relays }: Member,
  { ttlMs, intervalMs, authorUntilMs, publishersForget }: ContinentOptions,
  author: ListAuthor,
  pops: readonly Member[],
): void {
  const program = publisherProgram({
    ...credentials(simulation, name),
    ...{ author, ttlMs, intervalMs, untilMs: authorUntilMs, writesLast: publishersForget },
    pops: pops.map((pop) => pop.name),
    relays: relays.map(relayUrl),
  });
  simulation.node(machine(simulation, name), program);
}

/** A PoP that follows all lists; its kernel is put among the others. */
export function addPop(
  simulation: Simulation,
  { name, relays }: Member,
  lists: readonly AuthoredList[],
  kernels: Map<string, VirtualKernel>,
): void {
  const own = credentials(simulation, name);
  const node = simulation.node(machine(simulation, name), (context) => {
    const kernel = kernels.get(name)!;
    const options = { ...own, pop: name, relays: relays.map(relayUrl), lists, kernel, enforceMs: ENFORCE_MS };
    return agentProgram(options)(context);
  });
  kernels.set(name, new VirtualKernel(node.machine));
}

/** A plain MOQT client that follows all lists at one relay. */
export function addForeignSubscriber(
  simulation: Simulation,
  { name, relays }: Member,
  lists: readonly AuthoredList[],
): void {
  const tracks = lists.map(({ track }) => ({ track, name: parsePath(track) }));
  const program = foreignSubscriberProgram({ ...credentials(simulation, name), relay: relayUrl(relays[0]!), tracks });
  simulation.node(machine(simulation, name), program);
}

/** A stranger who asks every relay what it hands out. */
export function addProbe(simulation: Simulation, { name, relays }: Member, lists: readonly AuthoredList[]): void {
  const tracks = lists.map(({ track }) => track);
  const program = relayProbeProgram({
    ...credentials(simulation, name),
    relays,
    tracks,
    intervalMs: PROBE_INTERVAL_MS,
  });
  simulation.node(machine(simulation, name), program);
}

/** A peer that does harm while a fault says so. */
export function addHostilePeer(simulation: Simulation, { name, relays }: Member): void {
  const program = hostilePeerProgram({
    ...credentials(simulation, name),
    relays: relays.map(relayUrl),
    intervalMs: HOSTILE_INTERVAL_MS,
  });
  simulation.node({ ...machine(simulation, name), standsBy: true }, program);
}

/** Members may do everything; a hostile peer that came by a certificate may publish only what is its own. */
const authorizer: Authorizer = {
  ...requireCertificate,
  authorizePublish(principal, { fields }) {
    const subject = principal.certificate && decodeMemoryCertificate(principal.certificate)?.subject;
    const own = fields[0] !== undefined && !RESERVED.has(new TextDecoder().decode(fields[0]));
    if (!subject?.startsWith('hostile-') || own) return { allowed: true };
    return { allowed: false, code: 1, reason: 'this namespace is not yours' };
  },
};
const RESERVED = new Set(['org', 'platform']);

function credentials(simulation: Simulation, name: string) {
  return {
    authoritiesPem: memoryAuthorities(AUTHORITY),
    identity: simulation.identity(name, { issuer: AUTHORITY, subject: name }),
  };
}

function machine({ random }: Simulation, name: string) {
  return {
    name,
    wallOffsetMs: random.between(-WALL_OFFSET_MS_MAX, WALL_OFFSET_MS_MAX),
    driftPpm: random.between(-100, 100),
    // A full disk ends a client that starts.
    exitsOn: (error: unknown) => error instanceof StorageError,
  };
}
