import { createSession, driveSession, MOQT_18, type Notice, type Session } from '@higgins/protocol';
import { QuicTransport } from '@higgins/quic';
import type { NodeRuntime } from '@higgins/runtime/node';
import type { Connection } from '@higgins/transport';
import type { TestIdentity } from './identity.js';

/** A server on real QUIC; disposing it closes it. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
}

/** Listens for raw QUIC and WebTransport with `moqt-18`, and hands each connection to `accept`. */
export async function listen(identity: TestIdentity, accept: (connection: Connection) => void): Promise<TestServer> {
  const transport = new QuicTransport();
  const listener = await transport.listen({
    host: '127.0.0.1',
    port: 0,
    identity: identity.server,
    protocols: [MOQT_18.protocol],
    accept,
  });
  return { port: listener.port, [Symbol.asyncDispose]: () => transport.close() };
}

/** A server whose sessions do what `respond` makes of each notice, right or wrong. */
export function listenScripted(
  identity: TestIdentity,
  runtime: NodeRuntime,
  respond: (session: Session, notice: Notice) => void,
): Promise<TestServer> {
  return listen(identity, (connection) => {
    const session = createSession({
      role: 'server',
      profile: MOQT_18,
      setup: {},
      overWebTransport: connection.peer.kind === 'webtransport',
    });
    driveSession(connection, session, {
      nowMs: () => runtime.bootMs(),
      at: (dueMs, run) => runtime.at(dueMs, run),
      onNotice: (notice) => respond(session, notice),
    });
  });
}
