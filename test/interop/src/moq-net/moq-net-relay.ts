import { setTimeout as delay } from 'node:timers/promises';
import { Broadcast, Connection as MoqNet, type Path, type Track } from '@moq/net';
import type { TestIdentity } from '../support/identity.js';
import { listen, type TestServer } from '../support/server.js';
import { WebTransportShape } from '../support/web-transport.js';

type Transport = Parameters<typeof MoqNet.accept>[0];

/** A broadcast that somebody has, and what it is on the sessions of the others: each closes its own when it ends. */
interface Source {
  readonly owner: MoqNet.Established | null;
  readonly copies: Set<Broadcast.Producer>;
  subscribe(track: string): Track.Subscriber;
}

/** A track that is passed on ends soon after its source. */
const GROUPS_MAX = 1_000;

/**
 * The smallest relay that `@moq/net` can be: its server half on each connection, and what one session announces is
 * published on the others. All of MOQT in it is theirs.
 */
export class MoqNetRelay implements AsyncDisposable {
  readonly sessions = new Set<MoqNet.Established>();
  readonly #sources = new Map<Path.Valid, Source>();
  #server: TestServer | null = null;

  static async start(identity: TestIdentity): Promise<MoqNetRelay> {
    const relay = new MoqNetRelay();
    relay.#server = await listen(identity, (connection) => {
      // What is published on a session is published before its first request is looked at.
      const { promise: requestsAfter, resolve } = Promise.withResolvers<void>();
      const transport = new WebTransportShape(connection, { requestsAfter, quietEnd: true }) as unknown as Transport;
      // A session may end at any time, before its SETUP too: then so does what is done for it.
      void MoqNet.accept(transport, new URL('https://relay.example/'))
        .then((session: MoqNet.Established) => {
          relay.#publishAll(session);
          resolve();
          return relay.#follow(session);
        })
        .catch(() => {});
    });
    return relay;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  /** A broadcast of its own, published on every session. */
  offer(path: Path.Valid): Broadcast.Producer {
    const origin = new Broadcast.Producer();
    this.#add(path, { owner: null, copies: new Set(), subscribe: (track) => origin.subscribe(track) });
    return origin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.close();
    // Its requests end in turns of their own.
    await delay(0);
    await this.#server?.[Symbol.asyncDispose]();
  }

  #publishAll(session: MoqNet.Established): void {
    this.sessions.add(session);
    void session.closed.then(() => this.sessions.delete(session));
    for (const [path, source] of this.#sources) publishOn(session, path, source);
  }

  async #follow(session: MoqNet.Established): Promise<void> {
    try {
      const announced = session.announced();
      for (let event = await announced.next(); event !== undefined; event = await announced.next()) {
        const { path } = event;
        const subscribe = (track: string) => session.consume(path).track(track).subscribe();
        if (event.active) this.#add(path, { owner: session, copies: new Set(), subscribe });
        else this.#remove(session, path);
      }
    } finally {
      for (const path of [...this.#sources.keys()]) this.#remove(session, path);
    }
  }

  #add(path: Path.Valid, source: Source): void {
    this.#sources.set(path, source);
    for (const session of this.sessions) if (session !== source.owner) publishOn(session, path, source);
  }

  #remove(owner: MoqNet.Established, path: Path.Valid): void {
    const source = this.#sources.get(path);
    if (source === undefined || source.owner !== owner) return;
    this.#sources.delete(path);
    for (const copy of source.copies) copy.close();
  }
}

function publishOn(session: MoqNet.Established, path: Path.Valid, source: Source): void {
  const copy = new Broadcast.Producer();
  source.copies.add(copy);
  session.publish(path, copy);
  void answer(copy, source);
}

async function answer(copy: Broadcast.Producer, source: Source): Promise<void> {
  for (let request = await copy.requested(); request !== undefined; request = await copy.requested()) {
    void passOn(source.subscribe(request.name), request.accept());
  }
  source.copies.delete(copy);
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
