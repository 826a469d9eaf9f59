import { type RelayLimits, RelayNode, requireCertificate } from '@higgins/relay/core';
import { memoryAuthorities, memoryIdentity } from '@higgins/transport';
import { describe, expect, it } from 'vitest';
import type { Observation } from '../frame/observation.js';
import { Simulation } from '../frame/simulation.js';
import { relayProgram } from '../programs/relay.js';
import { aStalledPeerMovesNobody } from './a-stalled-peer-moves-nobody.js';
import { deadPublisherIsKnown } from './dead-publisher-is-known.js';
import { leavingLosesNothing } from './leaving-loses-nothing.js';
import { lossDelaysOnlyItsOwn } from './loss-delays-only-its-own.js';
import { oneUpstreamSubscription } from './one-upstream-subscription.js';
import { resubscribesByItself } from './resubscribes-by-itself.js';
import { sameTrace } from './same-seed-same-trace.js';
import { staysWithinBudget } from './stays-within-budget.js';
import { type DeliveryTimes, recordDeliveries } from './support/delivery-times.js';
import { upstreamLoadFollowsTracks } from './upstream-load-follows-tracks.js';
import { workPerTurnIsBounded } from './work-per-turn-is-bounded.js';

const PAYLOAD = new Uint8Array([1]);

/** A world with one relay, which has done nothing yet. */
async function oneRelay(limits: Partial<RelayLimits> = {}): Promise<{ simulation: Simulation; relay: RelayNode }> {
  const simulation = new Simulation(1);
  const program = relayProgram({
    authoritiesPem: memoryAuthorities('a'),
    identity: memoryIdentity({ issuer: 'a', subject: 'relay' }),
    ...{ upstreams: [], authorizer: requireCertificate, limits },
  });
  const node = simulation.node({ name: 'relay' }, program);
  node.start();
  await simulation.run(1);
  const relay = node.parts.find((part) => part instanceof RelayNode);
  if (relay === undefined) throw new Error('the relay did not start');
  return { simulation, relay };
}

const event = (node: string, object: number, lost = false): Observation => ({
  ...{ kind: 'delivered', node, track: 't', group: 1, object, payload: PAYLOAD, lost },
});
const committed = (object: number): Observation => ({
  ...{ kind: 'committed', node: 'p', track: 't', group: 1, object, payload: PAYLOAD, ttlMs: 1000, version: null },
});

describe('invariants of relays’ own figures', () => {
  it('one-upstream-subscription: a count that is not what there is', async () => {
    const { simulation, relay } = await oneRelay();
    const invariant = oneUpstreamSubscription(simulation);
    expect(() => invariant.check?.(1)).not.toThrow();
    relay.core.counters.upstreamSubscriptions = 1;
    expect(() => invariant.check?.(2)).toThrow('relay counts 1 upstream subscriptions and has 0');
  });

  it('stays-within-budget: a cache that holds more than it may, or counts what it does not have', async () => {
    const { simulation, relay } = await oneRelay({ cacheBytesMax: 100 });
    const invariant = staysWithinBudget(simulation, { objectBytesMax: 10 });
    expect(() => invariant.check?.(1)).not.toThrow();
    relay.core.budget.bytes = 50;
    expect(() => invariant.check?.(2)).toThrow('the cache of relay counts 50 bytes and has 0');
    relay.core.budget.bytes = 101;
    expect(() => invariant.check?.(3)).toThrow('the cache of relay has 101 bytes, expected at most 100');
  });

  it('upstream-load-follows-tracks: requests, arrivals and rates beyond their bounds', async () => {
    const { simulation, relay } = await oneRelay({ sessionsPerSecondMax: 10 });
    const { counters } = relay.core;
    const invariant = upstreamLoadFollowsTracks(simulation, 60);
    invariant.check?.(5_000);
    counters.upstreamFetches = 9;
    expect(() => invariant.check?.(5_001)).toThrow('relay sent 9 requests for 0 tracks within 5000 ms');
    counters.upstreamFetches = 0;
    counters.sessionsOpened = 40;
    counters.sessionsRefused = 39;
    expect(() => invariant.check?.(5_002)).toThrow('40 of 60 clients came within 10 ms, expected at most 30');
    invariant.check?.(5_020);
    counters.sessionsRefused = 0;
    expect(() => invariant.check?.(5_021)).toThrow('relay let 40 sessions in within 0.0 s, expected at most 11');
  });

  it('work-per-turn-is-bounded: too much at once', async () => {
    const { simulation, relay } = await oneRelay();
    const invariant = workPerTurnIsBounded(simulation, 10);
    invariant.check?.(1);
    relay.core.counters.upstreamSubscribes = 300;
    expect(() => invariant.check?.(2)).toThrow('relay: 300 SUBSCRIBEs went upstream in one turn, expected at most 264');
    expect(() => invariant.check?.(3)).not.toThrow();
  });
});

describe('invariants of what consumers see', () => {
  it('resubscribes-by-itself: a subscription that is over', async () => {
    const { simulation } = await oneRelay();
    const invariant = resubscribesByItself(simulation);
    expect(invariant.holds()).toBe(true);
    const ended = { kind: 'ended', node: 'c', track: 't', reason: 'refused' } as const;
    expect(() => invariant.observe?.(ended, 1)).toThrow('the subscription of c to t is over: refused');
  });

  it('dead-publisher-is-known: a death that nobody noticed, and one that is none', () => {
    const options = { heartbeatMs: 1000, deliveryMsMax: 500, consumers: ['c'], track: 't' };
    const condition = (of: string): Observation => ({ kind: 'condition', node: 'c', track: 't', condition: of });
    const late = deadPublisherIsKnown(options);
    late.observe?.(condition('ok'), 1);
    late.publisher(false, 1_000);
    late.check?.(4_499);
    expect(() => late.check?.(4_500)).toThrow('c takes t for ok 3500 ms after its publisher died');
    const hasty = deadPublisherIsKnown(options);
    expect(() => hasty.observe?.(condition('heartbeat-lost'), 1)).toThrow('for dead, and it lives');
    const known = deadPublisherIsKnown(options);
    known.publisher(false, 1_000);
    known.observe?.(condition('heartbeat-lost'), 3_000);
    known.check?.(9_000);
    known.publisher(true, 9_000);
    expect(() => known.finish?.(20_000)).toThrow('c takes t for heartbeat-lost, and its publisher lives');
    known.observe?.(condition('ok'), 9_100);
    known.finish?.(20_000);
  });

  it('leaving-loses-nothing: what is late, missing, told twice or told as lost', () => {
    const make = () => leavingLosesNothing({ consumers: ['c'], tracks: ['t'], deliveryMsMax: 100, fromMs: 0 });
    const late = make();
    late.observe?.(committed(0), 10);
    late.check?.(110);
    expect(() => late.check?.(111)).toThrow('c has not got t');
    const again = make();
    again.observe?.(event('c', 1), 1);
    expect(() => again.observe?.(event('c', 1), 2)).toThrow('again, or behind a later one');
    expect(() => make().observe?.(event('c', 1, true), 1)).toThrow('are lost');
    const good = make();
    good.observe?.(committed(0), 10);
    good.observe?.(event('c', 0), 100);
    good.check?.(1_000);
  });

  it.each([
    ['a-stalled-peer-moves-nobody', (without: DeliveryTimes) => aStalledPeerMovesNobody(without, ['stalled'])],
    [
      'loss-delays-only-its-own',
      (without: DeliveryTimes) => lossDelaysOnlyItsOwn(without, (node) => node === 'stalled'),
    ],
  ] as const)('%s: what comes later than without the fault, or never', (_id, make) => {
    const times: DeliveryTimes = new Map();
    const recorder = recordDeliveries(times);
    for (const node of ['c', 'stalled']) recorder.observe?.(event(node, 0), 100);
    const moved = make(times);
    moved.observe?.(event('stalled', 0), 9_000);
    expect(() => moved.observe?.(event('c', 0), 110)).toThrow('c t 1/0 came 10.0 ms later than without the fault');
    expect(() => make(times).finish?.(1_000)).toThrow('c t 1/0 never came');
    const same = make(times);
    same.observe?.(event('c', 0), 101);
    same.finish?.(1_000);
  });

  it('same-seed-same-trace: two traces', () => {
    sameTrace('a', 'a');
    expect(() => sameTrace('a', 'b')).toThrow('the first run has the trace a, the second b');
  });
});
