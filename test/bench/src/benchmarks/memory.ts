import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import { parsePath } from '@higgins/signals';
import type { Benchmark } from '../harness/benchmark.js';
import { LoadClient } from '../harness/load-client.js';
import { obstacleOfNetwork } from '../harness/paths.js';
import { privateBytes } from '../harness/proc.js';
import { RawPublisher } from '../harness/raw-publisher.js';
import { TwoTiers } from '../harness/relays.js';

const TRACK = 'platform/bench/memory';
/** Connections of the first and of the second client: what the second adds is free of what is made once. */
const FIRST = 100;
const SECOND = 1000;
const OBJECTS = 20;
const PAYLOAD_BYTES = 1024;
/** Lets garbage be collected and buffers be given back, as far as they are. */
const SETTLE_MS = 3000;

/** What one more subscriber costs the edge relay. */
export const memory: Benchmark = {
  name: 'memory',
  description: `private memory of the edge relay per connection with one subscription: what ${SECOND} more add to ${FIRST}`,
  obstacle: obstacleOfNetwork,
  async run({ directory, progress }) {
    await using tiers = await TwoTiers.start(directory);
    await using transport = new QuicTransport();
    using runtime = new NodeRuntime({ directory });
    const relay = { ...tiers.client, url: tiers.originUrl };
    using publisher = await RawPublisher.connect(transport, runtime, relay, parsePath(TRACK));
    progress(`${FIRST} subscribers`);
    await using _first = await LoadClient.start(tiers, { track: TRACK, connections: FIRST });
    const before = await settledBytes(tiers, publisher);
    progress(`${SECOND} more`);
    await using _second = await LoadClient.start(tiers, { track: TRACK, connections: SECOND });
    const after = await settledBytes(tiers, publisher);
    return [
      {
        parameters: { 'subscribers before': FIRST, 'subscribers added': SECOND },
        figures: {
          'memory per subscriber': { value: (after - before) / SECOND / 1024, unit: 'KiB' },
          'memory of the relay before': { value: before / 2 ** 20, unit: 'MiB' },
          'memory of the relay after': { value: after / 2 ** 20, unit: 'MiB' },
        },
      },
    ];
  },
};

/** Sends some objects, so that buffers have the size that traffic gives them, and reads the memory when it is quiet. */
async function settledBytes(tiers: TwoTiers, publisher: RawPublisher): Promise<number> {
  for (let index = 0; index < OBJECTS; index++) {
    publisher.publish(new Uint8Array(PAYLOAD_BYTES));
    await pause(100);
  }
  await pause(SETTLE_MS);
  return privateBytes(tiers.edge.pid);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
