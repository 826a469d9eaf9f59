import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import { parsePath } from '@higgins/signals';
import type { Benchmark, BenchmarkContext, Outcome } from '../harness/benchmark.js';
import { LoadClient } from '../harness/load-client.js';
import { obstacleOfNetwork } from '../harness/paths.js';
import { cpuTime } from '../harness/proc.js';
import { RawPublisher } from '../harness/raw-publisher.js';
import { TwoTiers } from '../harness/relays.js';

const TRACK = 'platform/bench/fan-out';
const PAYLOAD_BYTES = 1024;
const WARMUP_OBJECTS = 100;
const RESULT_MS_MAX = 20_000;

interface Load {
  readonly subscribers: number;
  readonly objectsPerSecond: number;
  readonly objects: number;
}

const LOADS: readonly Load[] = [
  { subscribers: 1, objectsPerSecond: 200, objects: 2000 },
  { subscribers: 100, objectsPerSecond: 50, objects: 500 },
];

/** Latency and relay CPU over two tiers. */
export const fanOut: Benchmark = {
  name: 'fan-out',
  description:
    `latency from the publisher's call to the whole object at a native subscriber, and CPU of both relays; ` +
    `real QUIC, origin and edge relay, mutual TLS, ${PAYLOAD_BYTES} bytes, one stream per object`,
  obstacle: obstacleOfNetwork,
  async run(context) {
    const outcomes: Outcome[] = [];
    for (const load of LOADS) {
      context.progress(`${load.subscribers} subscribers, ${load.objects} objects`);
      outcomes.push(await measure(context, load));
    }
    return outcomes;
  },
};

async function measure(context: BenchmarkContext, load: Load): Promise<Outcome> {
  const { subscribers, objects, objectsPerSecond } = load;
  const directory = join(context.directory, String(subscribers));
  await mkdir(directory);
  await using tiers = await TwoTiers.start(directory);
  await using transport = new QuicTransport();
  using runtime = new NodeRuntime({ directory });
  using publisher = await RawPublisher.connect(
    transport,
    runtime,
    { ...tiers.client, url: tiers.originUrl },
    parsePath(TRACK),
  );
  await using client = await LoadClient.start(tiers, {
    track: TRACK,
    connections: subscribers,
    warmup: WARMUP_OBJECTS,
    objects: WARMUP_OBJECTS + objects,
  });
  await publishPaced(publisher, WARMUP_OBJECTS, objectsPerSecond);
  const before = { edge: cpuTime(tiers.edge.pid), origin: cpuTime(tiers.origin.pid) };
  await publishPaced(publisher, objects, objectsPerSecond);
  const result = await client.result(RESULT_MS_MAX);
  const after = { edge: cpuTime(tiers.edge.pid), origin: cpuTime(tiers.origin.pid) };
  if (result.deliveries !== objects * subscribers || result.untimed > 0) {
    throw new Error(`${result.deliveries} of ${objects * subscribers} deliveries, ${result.untimed} without a time`);
  }
  return {
    parameters: { subscribers, 'objects per second': objectsPerSecond, deliveries: result.deliveries },
    figures: {
      'latency p50': { value: result.latencyUs.p50, unit: 'µs' },
      'latency p99': { value: result.latencyUs.p99, unit: 'µs' },
      'latency max': { value: result.latencyUs.max, unit: 'µs' },
      'edge relay CPU per delivery': {
        value: (after.edge.total - before.edge.total) / result.deliveries,
        unit: 'µs',
      },
      'of it, on the thread of JavaScript': {
        value: (after.edge.main - before.edge.main) / result.deliveries,
        unit: 'µs',
      },
      'of it, on the thread of the network': {
        value: (after.edge.network - before.edge.network) / result.deliveries,
        unit: 'µs',
      },
      'origin relay CPU per object': { value: (after.origin.total - before.origin.total) / objects, unit: 'µs' },
    },
  };
}

/** Sends objects at a steady rate; one that is late does not move those after it. */
async function publishPaced(publisher: RawPublisher, objects: number, objectsPerSecond: number): Promise<void> {
  const started = performance.now();
  for (let index = 0; index < objects; index++) {
    const waitMs = started + (index * 1000) / objectsPerSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    publisher.publish(stampedPayload());
  }
}

/** A payload that begins with the monotonic clock in ns, which all processes of a machine share. */
function stampedPayload(): Uint8Array {
  const payload = new Uint8Array(PAYLOAD_BYTES);
  new DataView(payload.buffer).setBigUint64(0, process.hrtime.bigint());
  return payload;
}
