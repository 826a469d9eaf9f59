import type { Connection, ConnectionEvents, Listener, ListenOptions } from '@higgins/transport';
import type { QuicTransport } from '../quic-transport.js';
import { makeAuthority, type TestAuthority } from './certificates.js';
import { settle, waitFor } from './waiting.js';

/** Listens to a connection with the events given; the others are ignored. */
export function listenTo(connection: Connection, events: Partial<ConnectionEvents>): void {
  const ignore = () => {};
  connection.listen({
    opened: ignore,
    data: ignore,
    reset: ignore,
    stopSending: ignore,
    datagram: ignore,
    credit: ignore,
    drained: ignore,
    closed: ignore,
    ...events,
  });
}

/** Sends what comes on a stream back on it. */
export function echo(connection: Connection): void {
  listenTo(connection, { data: (stream, bytes, fin) => connection.write(stream, bytes.slice(), fin) });
}

/** Bytes of one answer to one request on a new bidirectional stream. */
export async function ask(connection: Connection, bytes: Uint8Array): Promise<string> {
  let [answer, done] = ['', false];
  const stream = connection.open(true, 0);
  if (stream === null) throw new Error('no credit for a stream');
  listenTo(connection, {
    data: (from, part, fin) => {
      if (from !== stream) return;
      answer += new TextDecoder().decode(part);
      done ||= fin;
    },
  });
  connection.write(stream, bytes, true);
  await waitFor(() => done, 'the answer comes');
  return answer;
}

let authority: Promise<TestAuthority> | undefined;

/** The authority of this file's tests. */
export function testAuthority(): Promise<TestAuthority> {
  authority ??= makeAuthority('test');
  return authority;
}

/** A listener on a free port that keeps what it accepts. */
export async function serve(
  transport: QuicTransport,
  options: Partial<ListenOptions> = {},
): Promise<{ listener: Listener; accepted: Connection[] }> {
  const accepted: Connection[] = [];
  const listener = await settle(
    transport.listen({
      host: '127.0.0.1',
      port: 0,
      identity: await (await testAuthority()).issue('server'),
      protocols: ['moqt-18'],
      accept: (connection) => accepted.push(connection),
      ...options,
    }),
  );
  return { listener, accepted };
}

/** A connection to a listener of `serve`. */
export async function join(transport: QuicTransport, listener: Listener, scheme = 'moqt'): Promise<Connection> {
  const host = listener.host.includes(':') ? `[${listener.host}]` : listener.host;
  const { certificatePem } = await testAuthority();
  return settle(
    transport.connect({
      url: `${scheme}://${host}:${listener.port}/`,
      protocols: ['moqt-18'],
      authoritiesPem: certificatePem,
    }),
  );
}
