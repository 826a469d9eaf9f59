import type { Connection, ConnectionLimits, ConnectOptions, Listener, ListenOptions, StreamId } from '../transport.js';
import { type ComplianceHarness, check, checkEqual } from './harness.js';
import { Recorder } from './recorder.js';

/** A connection, both ends. */
export interface Pair {
  readonly client: Connection;
  readonly server: Connection;
  readonly atClient: Recorder;
  readonly atServer: Recorder;
  readonly listener: Listener;
}

export interface PairOptions {
  readonly clientLimits?: Partial<ConnectionLimits>;
  readonly serverLimits?: Partial<ConnectionLimits>;
}

/** Several connections of one server. */
export interface Fan {
  /** The server's ends: what a set's receivers are. */
  readonly receivers: Connection[];
  readonly clients: Connection[];
  /** At the clients. */
  readonly recorders: Recorder[];
  readonly atServer: Recorder[];
}

/** A server that keeps what it accepts. */
export interface Server {
  readonly listener: Listener;
  readonly accepted: Connection[];
}

/** Limits that no case comes near unless it wants to. */
const AMPLE_LIMITS: Partial<ConnectionLimits> = {
  bidirectionalStreamsInitial: 64,
  bidirectionalStreamsMax: 1024,
  unidirectionalStreamsInitial: 64,
  unidirectionalStreamsMax: 1024,
  keepAliveMs: 500,
  idleTimeoutMs: 3000,
};

export async function startServer(harness: ComplianceHarness, options: Partial<ListenOptions> = {}): Promise<Server> {
  const accepted: Connection[] = [];
  const listener = await harness.settle(
    harness.server.listen({
      host: harness.host,
      port: 0,
      identity: harness.identities.server,
      clientAuthoritiesPem: harness.identities.authoritiesPem,
      protocols: harness.protocols,
      limits: AMPLE_LIMITS,
      accept: (connection) => accepted.push(connection),
      ...options,
    }),
  );
  return { listener, accepted };
}

/** Makes one connection; the server's end is returned too, and has no listener of events yet. */
export async function join(
  harness: ComplianceHarness,
  server: Server,
  options: Partial<ConnectOptions> = {},
): Promise<{ client: Connection; server: Connection }> {
  const count = server.accepted.length;
  const client = await harness.settle(connect(harness, server, options));
  await harness.waitFor(() => server.accepted.length > count, 'the server accepts');
  return { client, server: server.accepted[count]! };
}

export function connect(
  harness: ComplianceHarness,
  server: Server,
  options: Partial<ConnectOptions>,
): Promise<Connection> {
  return harness.client.connect({
    url: harness.url(server.listener),
    protocols: harness.protocols,
    authoritiesPem: harness.identities.authoritiesPem,
    limits: AMPLE_LIMITS,
    ...options,
  });
}

/** A connection with recorders at both ends. */
export async function connectPair(harness: ComplianceHarness, options: PairOptions = {}): Promise<Pair> {
  const server = await startServer(harness, { limits: { ...AMPLE_LIMITS, ...options.serverLimits } });
  const ends = await join(harness, server, { limits: { ...AMPLE_LIMITS, ...options.clientLimits } });
  return {
    ...ends,
    listener: server.listener,
    atClient: Recorder.on(ends.client),
    atServer: Recorder.on(ends.server),
  };
}

/** Several clients of one server, with recorders at the clients. */
export async function connectMany(
  harness: ComplianceHarness,
  count: number,
  clientLimits: Partial<ConnectionLimits> = {},
): Promise<Fan> {
  const server = await startServer(harness);
  const [receivers, clients]: [Connection[], Connection[]] = [[], []];
  const [recorders, atServer]: [Recorder[], Recorder[]] = [[], []];
  for (let index = 0; index < count; index += 1) {
    const ends = await join(harness, server, { limits: { ...AMPLE_LIMITS, ...clientLimits } });
    recorders.push(Recorder.on(ends.client));
    atServer.push(Recorder.on(ends.server));
    receivers.push(ends.server);
    clients.push(ends.client);
  }
  return { receivers, clients, recorders, atServer };
}

/** Opens a stream that there must be credit for. */
export function mustOpen(connection: Connection, bidirectional: boolean, priority = 128): StreamId {
  const stream = connection.open(bidirectional, priority);
  check(stream !== null, 'open returned null though there is credit');
  return stream;
}

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(size: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index += 1) bytes[index] = (index * 31 + (index >> 8) * 7 + seed * 101) & 0xff;
  return bytes;
}

/** Throws unless the bytes are equal; names the first place where they are not. */
export function checkBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  checkEqual(actual.length, expected.length, `the length of ${what}`);
  for (let index = 0; index < expected.length; index += 1) {
    if (actual[index] !== expected[index]) check(false, `${what} differs from what was sent at byte ${index}`);
  }
}

/** Waits until everything that the client wrote before has had its time to arrive: a stream sent after it is there. */
export async function passMarker(harness: ComplianceHarness, from: Connection, at: Recorder): Promise<void> {
  const known = at.finished.length;
  const marker = mustOpen(from, false, 65_535);
  from.write(marker, pattern(1), true);
  await harness.waitFor(() => at.finished.length > known, 'a stream that was sent last has come');
}

/** The only stream that the peer has opened. */
export function onlyStream(at: Recorder): StreamId {
  checkEqual(at.streams.length, 1, 'the number of streams opened');
  return at.streams[0]!;
}

/** The outcome of an attempt that must fail: the error's stable code. */
export async function failureCode(harness: ComplianceHarness, promise: Promise<unknown>): Promise<string> {
  try {
    await harness.settle(promise);
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
    throw error;
  }
  return 'none';
}
