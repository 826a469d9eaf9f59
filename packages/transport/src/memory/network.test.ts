import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import { Recorder } from '../compliance/recorder.js';
import type { Connection } from '../transport.js';
import { MemoryNetwork, memoryAuthorities, memoryIdentity } from './index.js';

const CLIENT = 'client';
const SERVER = 'server';

interface Pair {
  readonly world: VirtualWorld;
  readonly network: MemoryNetwork;
  readonly client: Connection;
  readonly server: Connection;
  readonly atClient: Recorder;
  readonly atServer: Recorder;
}

describe('MemoryNetwork', () => {
  it('carries a stream both ways after the delay of the links', async () => {
    const { world, client, server, atClient, atServer } = await connectPair(1, 10);
    const stream = client.open(true, 0)!;
    const sentAtMs = world.nowMs;
    client.write(stream, new Uint8Array([1, 2, 3]), true);
    expect(await world.runUntilTrue(() => atServer.hasFinished(stream), 1000)).toBe(true);
    expect(world.nowMs - sentAtMs).toBe(10);
    server.write(stream, new Uint8Array([4, 5]), true);
    await world.runUntilTrue(() => atClient.hasFinished(stream), 1000);
    expect(world.nowMs - sentAtMs).toBe(20);
    expect([[...atServer.bytes(stream)], [...atClient.bytes(stream)]]).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });
});

async function connectPair(seed: number, latencyMs: number): Promise<Pair> {
  const world = new VirtualWorld({ seed });
  const network = new MemoryNetwork(world, { link: { latencyMs } });
  const [left, right] = [CLIENT, SERVER].map((name) => network.transport(new VirtualMachine(world, { name }).start()));
  let server: Connection | null = null;
  const accept = (connection: Connection) => {
    server = connection;
  };
  const identity = memoryIdentity({ issuer: 'authority', subject: SERVER });
  const protocols = ['test'];
  await right!.listen({ host: SERVER, port: 443, identity, protocols, accept });
  const authoritiesPem = memoryAuthorities('authority');
  const attempt = left!.connect({ url: `moqt://${SERVER}:443`, protocols, authoritiesPem });
  const client = await world.runUntilSettled(attempt, 1000);
  await world.runUntilTrue(() => server !== null, 1000);
  const [atClient, atServer] = [Recorder.on(client), Recorder.on(server!)];
  return { world, network, client, server: server!, atClient, atServer };
}
