import { setTimeout as delay } from 'node:timers/promises';
import { Broadcast, Connection as MoqNet, type Path, type Track } from '@moq/net';
import type { TestIdentity } from '../support/identity.js';
import { listen, type TestServer } from '../support/server.js';
import { WebTransportShape } from '../support/web-transport.js';

type Transport = Parameters<typeof MoqNet.accept>[0];

/** A track that is passed on ends soon after its source. */
const GROUPS_MAX = 1_000;

/**
 * The smallest relay that `@moq/net` can be: its server half on each connection, and what one session announces is
 * published on the others. All of MOQT in it is theirs.
 */
export class MoqNetRelay implements AsyncDisposable {
  readonly sessions = new Set<MoqNet.Established>();
  readonly #broadcasts = new Map<Path.Valid, { owner: MoqNet.Established | null; broadcast: Broadcast.Producer }>();
  #server: TestServer | null = null;

  static async start(identity: TestIdentity): Promise<MoqNetRelay> {
    const relay = new MoqNetRelay();
    relay.#server = await listen(identity, (connection) => {
      const transport = new WebTransportShape(connection) as unknown as Transport;
      // A session may end at any time, before its SETUP too: then so does what is done for it.
      void MoqNet.accept(transport, new URL('https://relay.example/'))
        .then((session: MoqNet.Established) => relay.#serve(session))
        .catch(() => {});
    });
    return relay;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  /** A broadcast of its own, published on every session. */
  offer(path: Path.Valid): Broadcast.Producer {
    const broadcast = new Broadcast.Producer();
    this.#broadcasts.set(path, { owner: null, broadcast });
    for (const session of this.sessions) session.publish(path, broadcast);
    return broadcast;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.close();
    // Its requests end in turns of their own.
    await delay(0);
    await this.#server?.[Symbol.asyncDispose]();
  }

  async #serve(session: MoqNet.Established): Promise<void> {
    this.sessions.add(session);
    void session.closed.then(() => this.sessions.delete(session));
    for (const [path, { broadcast }] of this.#broadcasts) session.publish(path, broadcast);
    try {
      const announced = session.announced();
      for (let event = await announced.next(); event !== undefined; event = await announced.next()) {
        if (event.active) this.#add(session, event.path);
        else this.#remove(session, event.path);
      }
    } finally {
      for (const path of [...this.#broadcasts.keys()]) this.#remove(session, path);
    }
  }

  #add(owner: MoqNet.Established, path: Path.Valid): void {
    const broadcast = new Broadcast.Producer();
    this.#broadcasts.set(path, { owner, broadcast });
    void this.#answer(owner, path, broadcast);
    for (const session of this.sessions) if (session !== owner) session.publish(path, broadcast);
  }

  #remove(owner: MoqNet.Established, path: Path.Valid): void {
    const known = this.#broadcasts.get(path);
    if (known === undefined || known.owner !== owner) return;
    this.#broadcasts.delete(path);
    known.broadcast.close();
  }

  async #answer(owner: MoqNet.Established, path: Path.Valid, broadcast: Broadcast.Producer): Promise<void> {
    for (let request = await broadcast.requested(); request !== undefined; request = await broadcast.requested()) {
      void passOn(owner.consume(path).track(request.name).subscribe(), request.accept());
    }
  }
}

async function passOn(from: Track.Subscriber, to: Track.Producer): Promise<void> {
  try {
    for (let count = 0; count < GROUPS_MAX; count += 1) {
      const source = await from.recvGroup();
      if (source === undefined) break;
      const group = to.appendGroup();
      for (let frame = await source.readFrame(); frame !== undefined; frame = await source.readFrame()) {
        group.writeFrame(frame);
      }
      group.close();
    }
    to.close();
  } catch (error) {
    to.close(error instanceof Error ? error : new Error(String(error)));
  }
}
