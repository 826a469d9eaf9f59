import { RandomStream, VirtualMachine, VirtualWorld } from '@higgins/runtime';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Recorder } from '../compliance/recorder.js';
import type { Connection, ConnectionLimits, StreamId } from '../transport.js';
import { type LinkOptions, MemoryNetwork, memoryAuthorities, memoryIdentity } from './index.js';

const LIMITS = {
  bidirectionalStreamsInitial: 2,
  bidirectionalStreamsMax: 8,
  unidirectionalStreamsInitial: 2,
  unidirectionalStreamsMax: 8,
  connectionWindowBytes: 4000,
  streamWindowBytes: 1500,
  keepAliveMs: 1000,
  idleTimeoutMs: 4000,
} satisfies Partial<ConnectionLimits>;

const linkOptions = fc.record({
  latencyMs: fc.double({ min: 0, max: 80, noNaN: true }),
  jitterMs: fc.double({ min: 0, max: 60, noNaN: true }),
  lossRate: fc.constantFrom(0, 0.02, 0.3),
  reorderRate: fc.constantFrom(0, 0.2),
  bytesPerSecond: fc.constantFrom(20_000, 1_000_000, Number.POSITIVE_INFINITY),
});

describe('MemoryNetwork under random operations', () => {
  it('keeps order, windows, credit and backlog', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), linkOptions, async (seed, link) => {
        const run = await wander(seed, link);
        for (const end of run.ends) end.checkAtEnd();
      }),
      { numRuns: 30 },
    );
  });

  it('BUS-136: gives the same trace hash for the same seed, and another for another', async () => {
    const link = { latencyMs: 10, jitterMs: 10, lossRate: 0.1, reorderRate: 0.1 };
    const hashes = await Promise.all([21, 21, 22].map(async (seed) => (await wander(seed, link)).hash));
    expect(hashes[1]).toBe(hashes[0]);
    expect(hashes[2]).not.toBe(hashes[0]);
  });
});

/** Two ends that open, write, finish, reset and stop streams at random, with short partitions, and then drain. */
async function wander(seed: number, link: Partial<LinkOptions>): Promise<{ ends: End[]; hash: string }> {
  const world = new VirtualWorld({ seed });
  const network = new MemoryNetwork(world, { link });
  const ends = await connectEnds(world, network);
  const random = new RandomStream(seed, 'operations');
  for (let turn = 0; turn < 150; turn += 1) {
    random.pick(ends).act(random);
    if (random.chance(0.03)) network.partition('left', 'right');
    else if (random.chance(0.2)) network.healAll();
    await world.runFor(random.next() * 15);
    for (const end of ends) end.checkNow();
  }
  network.healAll();
  for (const end of ends) end.finishAll();
  await world.runFor(600_000);
  return { ends, hash: world.trace.digest() };
}

async function connectEnds(world: VirtualWorld, network: MemoryNetwork): Promise<End[]> {
  const transport = (name: string) => network.transport(new VirtualMachine(world, { name }).start());
  let accepted: Connection | null = null;
  const options = { protocols: ['test'], limits: LIMITS };
  const identity = memoryIdentity({ issuer: 'authority', subject: 'right' });
  const accept = (connection: Connection) => {
    accepted = connection;
  };
  await transport('right').listen({ host: 'right', port: 1, identity, ...options, accept });
  const authoritiesPem = memoryAuthorities('authority');
  const attempt = transport('left').connect({ url: 'moqt://right:1', ...options, authoritiesPem });
  const client = await world.runUntilSettled(attempt, 10_000);
  await world.runUntilTrue(() => accepted !== null, 10_000);
  const ends = [new End(client, 'left'), new End(accepted!, 'right')];
  ends[0]!.other = ends[1]!;
  ends[1]!.other = ends[0]!;
  return ends;
}

/** One end, and what it must hold to. */
class End {
  other!: End;
  readonly #connection: Connection;
  readonly #name: string;
  readonly #recorder: Recorder;
  readonly #written = new Map<StreamId, number[]>();
  readonly #open = new Set<StreamId>();
  readonly #reset = new Set<StreamId>();
  readonly #stopped = new Set<StreamId>();

  constructor(connection: Connection, name: string) {
    this.#connection = connection;
    this.#name = name;
    this.#recorder = Recorder.on(connection);
  }

  act(random: RandomStream): void {
    const roll = random.next();
    if (roll < 0.3) this.#start(random);
    else if (roll < 0.8) this.#write(random);
    else if (roll < 0.87) this.#abandon(random);
    else if (roll < 0.92) this.#stop(random);
    else this.#answer();
  }

  finishAll(): void {
    this.#answer();
    for (const stream of this.#open) this.#connection.write(stream, new Uint8Array(0), true);
    this.#open.clear();
  }

  checkNow(): void {
    expect(this.#recorder.violations, this.#name).toEqual([]);
    const { bidirectional, streams } = this.#recorder;
    const ended = (stream: StreamId) => this.#recorder.hasFinished(stream) || this.#recorder.resets.has(stream);
    const oneWay = streams.filter(
      (stream) => !bidirectional.has(stream) && !ended(stream) && !this.#stopped.has(stream),
    );
    expect(oneWay.length, 'streams that the peer has open at once').toBeLessThanOrEqual(
      LIMITS.unidirectionalStreamsMax,
    );
    const written = [...this.#written.values()].reduce((sum, bytes) => sum + bytes.length, 0);
    expect(this.#connection.backlogBytes()).toBeGreaterThanOrEqual(0);
    expect(this.#connection.backlogBytes()).toBeLessThanOrEqual(written);
    for (const stream of this.other.#written.keys()) this.#checkPrefix(stream);
  }

  checkAtEnd(): void {
    this.checkNow();
    expect(this.#recorder.closeInfo).toBeNull();
    expect(this.#connection.backlogBytes(), `backlog of ${this.#name}`).toBe(0);
    for (const [stream, bytes] of this.other.#written) {
      if (this.other.#reset.has(stream) || this.#stopped.has(stream) || this.other.#open.has(stream)) continue;
      expect(this.#recorder.size(stream), `stream ${stream} at ${this.#name}`).toBe(bytes.length);
    }
  }

  /** What has come of a stream is the beginning of what was written to it. */
  #checkPrefix(stream: StreamId): void {
    const written = this.other.#written.get(stream)!;
    const came = this.#recorder.bytes(stream);
    expect(came.length).toBeLessThanOrEqual(written.length);
    if (!came.every((byte, index) => byte === written[index])) expect([...came]).toEqual(written.slice(0, came.length));
  }

  #start(random: RandomStream): void {
    const stream = this.#connection.open(random.chance(0.4), random.integer(65_536));
    if (stream === null) return;
    this.#open.add(stream);
    this.#written.set(stream, []);
  }

  #write(random: RandomStream): void {
    if (this.#open.size === 0) return;
    const stream = random.pick([...this.#open]);
    const bytes = new Uint8Array(random.integer(3000)).map(() => random.integer(256));
    const fin = random.chance(0.3);
    this.#connection.write(stream, bytes, fin);
    this.#written.get(stream)!.push(...bytes);
    if (fin) this.#open.delete(stream);
  }

  #abandon(random: RandomStream): void {
    if (this.#open.size === 0) return;
    const stream = random.pick([...this.#open]);
    this.#connection.reset(stream, 1);
    this.#open.delete(stream);
    this.#reset.add(stream);
  }

  #stop(random: RandomStream): void {
    const streams = this.#recorder.streams.filter((stream) => !this.#recorder.hasFinished(stream));
    if (streams.length === 0) return;
    const stream = random.pick(streams);
    this.#connection.stopSending(stream, 2);
    this.#stopped.add(stream);
  }

  /** Ends the own side of the peer's bidirectional streams, so that their credit comes back. */
  #answer(): void {
    for (const stream of this.#recorder.bidirectional) {
      if (this.#written.has(stream)) continue;
      this.#written.set(stream, [42]);
      this.#connection.write(stream, new Uint8Array([42]), true);
    }
  }
}
