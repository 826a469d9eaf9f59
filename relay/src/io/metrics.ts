import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type Counters, PROPAGATION_BOUNDS_MS, type RelayCore } from '../core/index.js';

type Field = { [Key in keyof Counters]: Counters[Key] extends number ? Key : never }[keyof Counters];

const TOTALS: readonly (readonly [Field, string, string])[] = [
  ['objectsReceived', 'objects_received_total', 'Objects received from publishers and upstreams.'],
  ['bytesReceived', 'bytes_received_total', 'Payload bytes of received objects.'],
  ['duplicates', 'duplicates_total', 'Objects that came again and were not forwarded again.'],
  ['malformedTracks', 'malformed_tracks_total', 'Tracks ended because they contradicted themselves.'],
  ['fanOutCalls', 'fan_out_calls_total', 'Calls that handed object bytes to a receiver set.'],
  ['delivered', 'delivered_total', 'Objects written for subscriptions.'],
  ['conflated', 'conflated_total', 'Groups that slow subscriptions skipped for a newer one.'],
  ['dropped', 'dropped_total', 'Objects not forwarded: expired, too late, or not deliverable.'],
  ['expired', 'expired_total', 'Cached groups whose time was up.'],
  ['evicted', 'evicted_total', 'Cached groups that made room for others.'],
  ['tooFarBehind', 'too_far_behind_total', 'Subscriptions ended because the subscriber was too slow.'],
  ['recovered', 'recovered_total', 'Objects fetched after an upstream loss and forwarded.'],
  ['sessionsOpened', 'sessions_opened_total', 'Sessions, those that were turned away included.'],
  ['sessionsRefused', 'sessions_refused_total', 'Sessions turned away: too many, or too fast.'],
  ['subscribesReceived', 'subscribes_received_total', 'SUBSCRIBE requests of peers.'],
  ['fetchesReceived', 'fetches_received_total', 'FETCH requests of peers.'],
  ['requestsRejected', 'requests_rejected_total', 'Requests of peers answered with an error.'],
  ['publishesReceived', 'publishes_received_total', 'PUBLISH requests received.'],
  ['publishesSent', 'publishes_sent_total', 'PUBLISH requests sent to those who asked for tracks, and upstream.'],
  ['upstreamSubscribes', 'upstream_subscribes_total', 'SUBSCRIBE requests sent to publishers and upstreams.'],
  ['upstreamFetches', 'upstream_fetches_total', 'FETCH requests sent to publishers and upstreams.'],
  ['upstreamConnects', 'upstream_connects_total', 'Upstream sessions established.'],
  ['upstreamLosses', 'upstream_losses_total', 'Upstream sessions lost.'],
];

const LEVELS: readonly (readonly [Field, string, string])[] = [
  ['sessions', 'sessions', 'Sessions, upstream ones included.'],
  ['tracks', 'tracks', 'Tracks known.'],
  ['subscriptions', 'subscriptions', 'Subscriptions of peers here.'],
  ['upstreamSubscriptions', 'upstream_subscriptions', 'Subscriptions of this relay at publishers and upstreams.'],
  ['namespaces', 'namespaces', 'Namespaces that peers announce.'],
];

const PREFIX = 'higgins_relay_';

/** A registry that shows a core's counters as they are when it is scraped, and the process's own figures. */
export function relayMetrics(core: RelayCore): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const [field, name, help] of TOTALS) total(registry, name, help, () => core.counters[field]);
  for (const [field, name, help] of LEVELS) gauge(registry, name, help, () => core.counters[field]);
  gauge(registry, 'cache_bytes', 'Bytes of the cache, bookkeeping included.', () => core.budget.bytes);
  gauge(registry, 'cache_objects', 'Objects in the cache.', () => core.budget.objects);
  gauge(registry, 'upstream_connected', '1 while an upstream session is established.', () =>
    core.links.connected ? 1 : 0,
  );
  propagation(registry, core);
  return registry;
}

function total(registry: Registry, name: string, help: string, read: () => number): void {
  const made: Counter = new Counter({
    ...{ name: PREFIX + name, help, registers: [registry] },
    collect() {
      made.reset();
      made.inc(read());
    },
  });
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  const made: Gauge = new Gauge({
    ...{ name: PREFIX + name, help, registers: [registry] },
    collect() {
      made.set(read());
    },
  });
}

/**
 * The series of a histogram, filled from the core's own buckets: the metrics library's histogram would cost a call per
 * object.
 */
function propagation(registry: Registry, { counters }: RelayCore): void {
  const name = `${PREFIX}propagation_delay_ms`;
  const help = 'Time from publication to arrival here, by the wall clocks of both machines';
  const registers = [registry];
  const buckets: Counter<'le'> = new Counter({
    ...{ name: `${name}_bucket`, help: `${help}: objects up to that time.`, labelNames: ['le'], registers },
    collect() {
      buckets.reset();
      let below = 0;
      counters.propagation.forEach((count, index) => {
        below += count;
        buckets.inc({ le: String(PROPAGATION_BOUNDS_MS[index] ?? '+Inf') }, below);
      });
    },
  });
  total(registry, 'propagation_delay_ms_sum', `${help}: sum.`, () => counters.propagationSumMs);
  total(registry, 'propagation_delay_ms_count', `${help}: objects.`, () => counters.propagationCount);
}
