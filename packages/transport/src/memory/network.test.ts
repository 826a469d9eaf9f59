import { VirtualMachine, type VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import { Recorder } from '../compliance/recorder.js';
import type { Connection, ConnectionLimits, Transport } from '../transport.js';
import { type LinkOptions, MemoryNetwork, memoryAuthorities, memoryIdentity } from './index.js';

const QUIC_LIMITS: Partial<ConnectionLimits> = { keepAliveMs: 1000, idleTimeoutMs: 4000 };

describe('MemoryNetwork: links', () => {
  it('carries a stream both ways after the delay of the links', async () => {
    const { world, client, server, atClient, atServer } = await connectPair({ latencyMs: 10 });
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

  it('counts bytes as backlog until their acknowledgement is back', async () => {
    const { world, client } = await connectPair({ latencyMs: 10 });
    client.write(client.open(false, 0)!, new Uint8Array(5000), true);
    await world.runFor(19.9);
    expect(client.backlogBytes()).toBe(5000);
    await world.runFor(0.2);
    expect(client.backlogBytes()).toBe(0);
  });

  it('takes as long as the bandwidth says, and shares it between connections', async () => {
    const { world, transports, client, atServer, connect } = await connectPair({
      latencyMs: 1,
      bytesPerSecond: 100_000,
    });
    const second = await connect(transports.client);
    const atSecond = Recorder.on(second.server);
    const startMs = world.nowMs;
    client.write(client.open(false, 0)!, new Uint8Array(100_000), true);
    second.client.write(second.client.open(false, 0)!, new Uint8Array(100_000), true);
    await world.runUntilTrue(() => atServer.finished.length === 1 && atSecond.finished.length === 1, 10_000);
    expect(world.nowMs - startMs).toBeGreaterThan(2000);
    expect(world.nowMs - startMs).toBeLessThan(2200);
    expect(atSecond.size(atSecond.streams[0]!)).toBe(100_000);
  });

  it('lets loss on one stream delay no other', async () => {
    const { world, client, atServer } = await connectPair({ latencyMs: 50, lossRate: 0.3 });
    const startMs = world.nowMs;
    const arrivals: number[] = [];
    for (let index = 0; index < 16; index += 1) client.write(client.open(false, 0)!, new Uint8Array(100), true);
    await world.runUntilTrue(() => {
      while (arrivals.length < atServer.finished.length) arrivals.push(world.nowMs - startMs);
      return arrivals.length === 16;
    }, 60_000);
    expect(arrivals.filter((atMs) => atMs <= 51).length).toBeGreaterThan(5);
    expect(arrivals.filter((atMs) => atMs > 100).length).toBeGreaterThan(0);
  });

  it('loses datagrams where it delays streams', async () => {
    const { world, client, atServer } = await connectPair({ latencyMs: 5, lossRate: 0.5 });
    for (let index = 0; index < 200; index += 1) client.datagram(new Uint8Array(10));
    await world.runFor(1000);
    expect(atServer.datagrams.length).toBeGreaterThan(60);
    expect(atServer.datagrams.length).toBeLessThan(140);
  });

  it('takes no datagram larger than a packet', async () => {
    const { client } = await connectPair({ mtuBytes: 1200 });
    expect([client.datagram(new Uint8Array(1200)), client.datagram(new Uint8Array(1201))]).toEqual([true, false]);
  });

  it('lends received bytes for the time of the call only', async () => {
    const { world, client, server } = await connectPair({});
    let kept = new Uint8Array(0);
    server.listen({ ...silentEvents, data: (_stream, bytes) => (kept = bytes as Uint8Array<ArrayBuffer>) });
    const sent = new Uint8Array([1, 2, 3]);
    client.write(client.open(false, 0)!, sent, true);
    await world.runFor(100);
    expect([...kept]).not.toEqual([1, 2, 3]);
    expect([...sent]).toEqual([1, 2, 3]);
  });
});

describe('MemoryNetwork: packets that became too large', () => {
  it('stops streams until the sender has found out, and lets small datagrams pass', async () => {
    const { world, network, client, atServer } = await connectPair({ latencyMs: 20 });
    network.link('client', 'server').setMtu(1280);
    const startMs = world.nowMs;
    client.write(client.open(false, 0)!, new Uint8Array(100), true);
    expect([client.datagram(new Uint8Array(1280)), client.datagram(new Uint8Array(1300))]).toEqual([true, false]);
    await world.runUntilTrue(() => atServer.finished.length === 1, 10_000);
    expect(world.nowMs - startMs).toBe(140);
    expect(atServer.datagrams.length).toBe(1);
    network.link('client', 'server').setMtu(1350);
    client.write(client.open(false, 0)!, new Uint8Array(100), true);
    await world.runUntilTrue(() => atServer.finished.length === 2, 10_000);
    expect(world.nowMs - startMs).toBe(160);
  });
});

describe('MemoryNetwork: programs that read slowly', () => {
  it('acknowledges but opens no windows while nothing is read, and keeps the connection', async () => {
    const { world, network, client, atServer } = await connectPair({}, { connectionWindowBytes: 10_000 });
    network.reading('server').bytesPerSecond = 0;
    client.write(client.open(false, 0)!, new Uint8Array(50_000), true);
    await world.runFor(60_000);
    expect([atServer.streams, client.backlogBytes(), atServer.closeInfo]).toEqual([[], 40_000, null]);
    network.reading('server').bytesPerSecond = Number.POSITIVE_INFINITY;
    await world.runFor(100);
    expect([atServer.size(atServer.streams[0]!), client.backlogBytes()]).toEqual([50_000, 0]);
  });

  it('reads at the given speed, in order', async () => {
    const { world, network, client, atServer } = await connectPair({}, { connectionWindowBytes: 1000 });
    network.reading('server').bytesPerSecond = 1000;
    const streams = [0, 1].map(() => client.open(false, 0)!);
    for (const stream of streams) client.write(stream, new Uint8Array(2000), true);
    await world.runFor(3000);
    expect(streams.map((stream) => atServer.size(stream))).toEqual([2000, 0]);
    await world.runFor(1500);
    expect(atServer.finished).toEqual(streams);
  });

  it('closes a connection whose backlog grows too large, and what was not read is gone', async () => {
    const limits = { connectionWindowBytes: 1000, backlogBytesMax: 5000 };
    const { world, network, client, atClient, atServer } = await connectPair({}, limits);
    network.reading('server').bytesPerSecond = 0;
    client.write(client.open(false, 0)!, new Uint8Array(4000), false);
    await world.runFor(100);
    client.write(client.open(false, 0)!, new Uint8Array(4000), false);
    await world.runFor(100);
    expect(atClient.closeInfo?.reason).toBe('more than 5000 bytes were written and not acknowledged');
    expect([atServer.closeInfo?.code, atServer.streams]).toEqual([null, []]);
    network.reading('server').bytesPerSecond = Number.POSITIVE_INFINITY;
    await world.runFor(100);
    expect(atServer.streams).toEqual([]);
  });
});

describe('MemoryNetwork: partitions and silence', () => {
  it('delivers after a partition that is shorter than the idle time-out', async () => {
    const { world, network, client, atClient, atServer } = await connectPair({});
    network.partition('client', 'server');
    client.write(client.open(false, 0)!, new Uint8Array([7]), true);
    await world.runFor(3500);
    expect(atServer.streams).toEqual([]);
    network.heal('client', 'server');
    await world.runFor(2000);
    expect([...atServer.bytes(atServer.finished[0]!)]).toEqual([7]);
    await world.runFor(60_000);
    expect([atClient.closeInfo, atServer.closeInfo]).toEqual([null, null]);
  });

  it('loses the connection at both ends when a partition outlasts the idle time-out', async () => {
    const { world, network, atClient, atServer } = await connectPair({ latencyMs: 0 });
    await world.runFor(1234);
    const startMs = world.nowMs;
    network.partition('client', 'server');
    await world.runUntilTrue(() => atClient.closeInfo !== null && atServer.closeInfo !== null, 60_000);
    expect(world.nowMs - startMs).toBe(4000);
    expect(atClient.closeInfo).toMatchObject({ code: null, reason: 'nothing came from the peer for 4000 ms' });
  });

  it('knows partitions of one direction: the deaf end gives up, and the other hears of it', async () => {
    const { world, network, atClient, atServer } = await connectPair({ latencyMs: 1 });
    network.link('client', 'server').block();
    await world.runFor(3990);
    expect([atClient.closeInfo, atServer.closeInfo]).toEqual([null, null]);
    await world.runFor(20);
    expect(atServer.closeInfo?.code).toBeNull();
    expect(atClient.closeInfo).toBeNull();
    await world.runFor(8000);
    expect(atClient.closeInfo?.code).toBeNull();
  });

  it('notices a peer that was killed after the idle time-out, not before', async () => {
    const { world, processes, atClient } = await connectPair({ latencyMs: 1 });
    processes.server.kill();
    await world.runFor(3990);
    expect(atClient.closeInfo).toBeNull();
    await world.runFor(20);
    expect(atClient.closeInfo).toMatchObject({ code: null, remote: true });
  });

  it('survives a pause that is shorter, and hands over what came meanwhile', async () => {
    const { world, processes, client, atClient, atServer } = await connectPair({});
    processes.server.pause();
    client.write(client.open(false, 0)!, new Uint8Array([5]), true);
    await world.runFor(3000);
    expect(atServer.streams).toEqual([]);
    expect(client.backlogBytes()).toBe(1);
    processes.server.resume();
    await world.runFor(100);
    expect(atServer.finished.length).toBe(1);
    expect([client.backlogBytes(), atClient.closeInfo]).toEqual([0, null]);
  });

  it('tells a process that slept too long that its connection is gone', async () => {
    const { world, processes, atClient, atServer } = await connectPair({});
    processes.server.pause();
    await world.runFor(10_000);
    expect([atClient.closeInfo !== null, atServer.closeInfo]).toEqual([true, null]);
    processes.server.resume();
    await world.runFor(10);
    expect(atServer.closeInfo?.code).toBeNull();
  });

  it('resets connections as a middlebox does: both ends hear of it, and can connect again', async () => {
    const { world, network, transports, atClient, atServer, connect } = await connectPair({});
    network.resetConnections('client', 'server');
    await world.runFor(1);
    expect([atClient.closeInfo?.code, atServer.closeInfo?.code]).toEqual([null, null]);
    expect(atClient.closeInfo).not.toBeNull();
    await connect(transports.client);
  });

  it('resets all connections of a host at once', async () => {
    const { world, network, transports, atClient, connect } = await connectPair({});
    const second = await connect(transports.client);
    const atSecond = Recorder.on(second.client);
    network.resetHost('server');
    await world.runFor(1);
    expect([atClient.closeInfo?.code, atSecond.closeInfo?.code]).toEqual([null, null]);
    network.resetHost('server');
    await connect(transports.client);
  });

  it('times out an attempt to connect into a partition', async () => {
    const { world, network, transports, connect } = await connectPair({});
    network.partition('client', 'server');
    const startMs = world.nowMs;
    await expect(connect(transports.client)).rejects.toMatchObject({ code: 'timed-out' });
    expect(world.nowMs - startMs).toBeCloseTo(10_000, 3);
  });

  it('frees the port of a process that was killed, and nothing is told to the dead', async () => {
    const { world, network, processes, client, atServer } = await connectPair({});
    client.write(client.open(false, 0)!, new Uint8Array([5]), true);
    processes.server.kill();
    await world.runFor(20_000);
    expect([atServer.streams, atServer.closeInfo]).toEqual([[], null]);
    const restarted = network.transport(processes.server.machine.start(), 'server');
    await restarted.listen({ host: 'server', port: 443, identity: SERVER_IDENTITY, protocols: ['test'], accept() {} });
  });
});

describe('MemoryNetwork: certificates', () => {
  it('judges expiry by the wall clock of the one who judges', async () => {
    const world = new VirtualWorld({ seed: 1 });
    const network = new MemoryNetwork(world);
    const expiring = memoryIdentity({ issuer: 'authority', subject: 'server', notAfterMs: world.startWallMs + 60_000 });
    const right = network.transport(new VirtualMachine(world, { name: 'server' }).start());
    await right.listen({ host: 'server', port: 1, identity: expiring, protocols: ['test'], accept() {} });
    const options = { url: 'moqt://server:1', protocols: ['test'], authoritiesPem: memoryAuthorities('authority') };
    const machines = [0, 120_000].map(
      (wallOffsetMs, index) => new VirtualMachine(world, { name: `c${index}`, wallOffsetMs }),
    );
    const [correct, fast] = machines.map((machine) => network.transport(machine.start()));
    await world.runUntilSettled(correct!.connect(options), 1000);
    await expect(world.runUntilSettled(fast!.connect(options), 1000)).rejects.toThrow(/rejected: expired/);
    await world.runFor(61_000);
    await expect(world.runUntilSettled(correct!.connect(options), 1000)).rejects.toThrow(/rejected: expired/);
  });

  it('refuses an identity whose key belongs to another certificate', async () => {
    const { transports } = await connectPair({});
    const identity = { ...SERVER_IDENTITY, privateKeyPem: 'key of somebody else' };
    const listening = transports.client.listen({ host: 'client', port: 1, identity, protocols: ['test'], accept() {} });
    await expect(listening).rejects.toMatchObject({ code: 'certificate-invalid' });
  });
});

const SERVER_IDENTITY = memoryIdentity({ issuer: 'authority', subject: 'server' });

const silentEvents = {
  opened() {},
  data() {},
  reset() {},
  stopSending() {},
  datagram() {},
  credit() {},
  drained() {},
  closed() {},
};

interface Ends {
  readonly client: Connection;
  readonly server: Connection;
}

interface Pair extends Ends {
  readonly world: VirtualWorld;
  readonly network: MemoryNetwork;
  readonly processes: { readonly client: VirtualRuntime; readonly server: VirtualRuntime };
  readonly transports: { readonly client: Transport; readonly server: Transport };
  readonly atClient: Recorder;
  readonly atServer: Recorder;
  connect(from: Transport): Promise<Ends>;
}

async function connectPair(link: Partial<LinkOptions>, limits: Partial<ConnectionLimits> = {}): Promise<Pair> {
  const world = new VirtualWorld({ seed: 3 });
  const network = new MemoryNetwork(world, { link });
  const start = (name: string) => new VirtualMachine(world, { name }).start();
  const processes = { client: start('client'), server: start('server') };
  const transports = { client: network.transport(processes.client), server: network.transport(processes.server) };
  const accepted: Connection[] = [];
  const common = { protocols: ['test'], limits: { ...QUIC_LIMITS, ...limits } };
  const accept = (connection: Connection) => void accepted.push(connection);
  await transports.server.listen({ host: 'server', port: 443, identity: SERVER_IDENTITY, ...common, accept });
  const connect = async (from: Transport): Promise<Ends> => {
    const authoritiesPem = memoryAuthorities('authority');
    const count = accepted.length;
    const client = await world.runUntilSettled(
      from.connect({ url: 'moqt://server:443', ...common, authoritiesPem }),
      20_000,
    );
    await world.runUntilTrue(() => accepted.length > count, 20_000);
    return { client, server: accepted[count]! };
  };
  const ends = await connect(transports.client);
  const recorders = { atClient: Recorder.on(ends.client), atServer: Recorder.on(ends.server) };
  return { world, network, processes, transports, ...ends, ...recorders, connect };
}
