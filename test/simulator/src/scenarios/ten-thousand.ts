import { Client } from '@higgins/client';
import { requireCertificate } from '@higgins/relay/core';
import { formatPath, organisationList } from '@higgins/signals';
import { memoryAuthorities } from '@higgins/transport';
import { drawFaults, healAll, scheduleFaults } from '../frame/faults.js';
import { Violation } from '../frame/invariant.js';
import type { Program } from '../frame/node.js';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { bytesAreIdentical } from '../invariants/bytes-are-identical.js';
import { groupIdsRise } from '../invariants/group-ids-rise.js';
import { ListAuthor } from '../programs/list-author.js';
import { publisherProgram } from '../programs/publisher.js';
import { CONNECTION_LIMITS, relayProgram, relayUrl } from '../programs/relay.js';

const TRACKS = 10_000;
/** 50 ms of round trip. */
const LATENCY_MS = 25;
const TTL_MS = 24 * 3_600_000;
const AUTHORITY = 'simulated authority';
/** From the start of the subscriber, and after the last fault. */
const ALL_MS_MAX = 60_000;

/** 10,000 subscriptions in one session at 50 ms RTT, then a fault or two: all of them get their object (check 1). */
export const tenThousand: Scenario = {
  name: 'ten-thousand',
  async run(seed, observer) {
    const simulation = new Simulation(seed, { link: { latencyMs: LATENCY_MS } });
    observer.built(simulation);
    const author = new ListAuthor(
      'acme',
      Array.from({ length: TRACKS }, (_, index) => `list-${index}`),
    );
    const received = build(simulation, author);
    simulation.hold(bytesAreIdentical(), groupIdsRise());
    for (const name of ['relay', 'publisher']) simulation.nodes.get(name)!.start();
    const written = () => author.lists.every(({ track }) => author.version(track) > 0);
    if (!(await simulation.runUntilTrue(written, ALL_MS_MAX, 100)))
      throw new Violation('converges', 'not all is written');
    simulation.nodes.get('subscriber')!.start();
    const faults = drawFaults(simulation.random, {
      links: [['subscriber', 'relay']],
      linkKinds: ['partition', 'reset', 'loss', 'reordering', 'mtu', 'delay'],
      nodes: { crash: ['relay', 'subscriber'], pause: ['relay', 'subscriber'], 'mass-reconnect': ['relay'] },
      fromMs: simulation.world.nowMs,
      untilMs: simulation.world.nowMs + 1000,
      countMax: 2,
      durationMsMax: 8000,
    });
    await simulation.run(scheduleFaults(simulation, observer.faults(faults)));
    healAll(simulation);
    await simulation.runUntilTrue(() => received.size === TRACKS, ALL_MS_MAX, 50);
    const missing = author.lists.filter(({ track }) => !received.has(track)).length;
    if (missing > 0) throw new Violation('converges', `${missing} of ${TRACKS} subscriptions got no object`);
    simulation.finish();
  },
};

/** Returns the tracks of which the subscriber has a value. */
function build(simulation: Simulation, author: ListAuthor): Set<string> {
  const relay = relayProgram({
    ...credentials(simulation, 'relay'),
    ...{ upstreams: [], authorizer: requireCertificate },
    // One publisher announces them all.
    limits: { namespacesPerSessionMax: TRACKS },
  });
  simulation.node({ name: 'relay' }, relay);
  const publisher = publisherProgram({
    ...credentials(simulation, 'publisher'),
    ...{ author, ttlMs: TTL_MS, intervalMs: 1000, untilMs: 0, pops: [], relays: [relayUrl('relay')] },
  });
  simulation.node({ name: 'publisher' }, publisher);
  const received = new Set<string>();
  simulation.node({ name: 'subscriber' }, subscriberProgram(simulation, author, received));
  return received;
}

function subscriberProgram(simulation: Simulation, author: ListAuthor, received: Set<string>): Program {
  const { identity, authoritiesPem } = credentials(simulation, 'subscriber');
  return async ({ runtime, transport, node, note, observe, watch }) => {
    // It keeps nothing, so that every start asks for all.
    received.clear();
    const client = await Client.open({
      ...{ runtime, transport, writerId: node.name, persistent: false },
      relays: [{ url: relayUrl('relay'), identity, authoritiesPem, limits: CONNECTION_LIMITS }],
      onEvent: ({ kind }) => {
        if (kind !== 'subscribed') note(kind);
      },
    });
    watch('client', client.counters);
    const follow = async ({ params }: (typeof author.lists)[number]) => {
      for await (const { current } of client.subscribe(organisationList, params)) {
        if (current === null || current.value === null) continue;
        const track = formatPath(current.name);
        received.add(track);
        const payload = organisationList.encode(current.value);
        observe({ kind: 'received', node: node.name, track, group: current.group, payload });
      }
    };
    for (const list of author.lists) void follow(list);
  };
}

function credentials(simulation: Simulation, name: string) {
  const identity = simulation.identities.get(name) ?? simulation.identity(name, { issuer: AUTHORITY, subject: name });
  return { identity, authoritiesPem: memoryAuthorities(AUTHORITY) };
}
