import { type FullTrackName, fullTrackName, trackNamespace } from '@higgins/protocol';
import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { type ConnectionLimits, type LinkOptions, MemoryNetwork, memoryIdentity } from '@higgins/transport';
import type { Authorizer } from '../authorizer.js';
import { allowAnyone } from '../authorizer.js';
import type { RelayLimits } from '../limits.js';
import { RELAY_PROTOCOLS, type RelayEvent, RelayNode } from '../relay-node.js';
import { TestPeer } from './test-peer.js';

const PORT = 4443;
const AUTHORITY = 'test authority';

/** A relay of a test world. */
export interface TestRelay {
  readonly node: RelayNode;
  readonly events: RelayEvent[];
  /** Ends the process, as SIGKILL does. */
  kill(): void;
}

/** Relays and clients in virtual time, 1 ms apart unless told otherwise. */
export class TestWorld {
  readonly world: VirtualWorld;
  readonly network: MemoryNetwork;
  readonly #machines = new Map<string, VirtualMachine>();
  #clients = 0;

  constructor(options: { seed?: number; link?: Partial<LinkOptions> } = {}) {
    this.world = new VirtualWorld({ seed: options.seed ?? 1 });
    this.network = new MemoryNetwork(this.world, options.link === undefined ? {} : { link: options.link });
  }

  get nowMs(): number {
    return this.world.nowMs;
  }

  /** Starts a relay under a host name, which may have run before. */
  async relay(
    host: string,
    options: { upstreams?: string[]; limits?: Partial<RelayLimits>; authorizer?: Authorizer } = {},
  ): Promise<TestRelay> {
    const runtime = this.#machine(host).start('relay');
    const transport = this.network.transport(runtime, host);
    const events: RelayEvent[] = [];
    const node = new RelayNode({
      runtime,
      transport,
      authorizer: options.authorizer ?? allowAnyone,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      upstreams: (options.upstreams ?? []).map((upstream) => ({ url: `moqt://${upstream}:${PORT}/`, insecure: true })),
      onEvent: (event) => events.push(event),
    });
    await this.world.runUntilSettled(
      transport.listen({
        host,
        port: PORT,
        identity: memoryIdentity({ issuer: AUTHORITY, subject: host }),
        clientAuthoritiesPem: AUTHORITY,
        protocols: RELAY_PROTOCOLS,
        limits: { bidirectionalStreamsMax: 32_768 },
        accept: (connection) => node.accept(connection),
      }),
      1_000,
    );
    node.start();
    return { node, events, kill: () => runtime.kill() };
  }

  /** Waits for a relay to dial the host; gives the server's end of its session. */
  async server(host: string): Promise<TestPeer> {
    const runtime = this.#machine(host).start('server');
    const transport = this.network.transport(runtime, host);
    let peer: TestPeer | null = null;
    await this.world.runUntilSettled(
      transport.listen({
        ...{ host, port: PORT, protocols: RELAY_PROTOCOLS },
        identity: memoryIdentity({ issuer: AUTHORITY, subject: host }),
        accept: (connection) => {
          peer = new TestPeer(runtime, connection, 'server');
        },
      }),
      1_000,
    );
    await this.until(() => peer?.session.established ?? false);
    return peer!;
  }

  /** A client that is connected with a relay, on a host of its own. */
  async client(
    relay: string,
    options: { certificate?: boolean; limits?: Partial<ConnectionLimits> } = {},
  ): Promise<TestPeer> {
    this.#clients++;
    const host = `client-${this.#clients}`;
    const runtime = this.#machine(host).start('client');
    const transport = this.network.transport(runtime, host);
    const peer = await this.world.runUntilSettled(
      TestPeer.connect(runtime, transport, {
        url: `moqt://${relay}:${PORT}/`,
        insecure: true,
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        ...(options.certificate ? { identity: memoryIdentity({ issuer: AUTHORITY, subject: host }) } : {}),
      }),
      60_000,
    );
    await this.until(() => peer.session.established || peer.of('closed').length > 0);
    return peer;
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.world.runFor(ms);
  }

  #machine(name: string): VirtualMachine {
    let machine = this.#machines.get(name);
    if (machine === undefined) {
      machine = new VirtualMachine(this.world, { name, uptimeMs: 0 });
      this.#machines.set(name, machine);
    }
    return machine;
  }

  /** Lets time pass until the condition holds; fails after a minute of virtual time. */
  async until(condition: () => boolean, limitMs = 60_000): Promise<void> {
    if (await this.world.runUntilTrue(condition, limitMs)) return;
    throw new Error(`condition did not come to hold within ${limitMs} ms: ${condition}`);
  }
}

/** A Full Track Name from a path, with the Track Name `current`. */
export function trackOf(path: string): FullTrackName {
  const encoder = new TextEncoder();
  return fullTrackName(
    trackNamespace(path.split('/').map((segment) => encoder.encode(segment))),
    encoder.encode('current'),
  );
}
