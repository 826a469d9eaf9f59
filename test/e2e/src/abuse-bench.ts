import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createAuthority, InteropPeer, issueIdentity } from '@higgins/cli';
import {
  CONTROL_FIRST,
  encodeMessage,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  type FullTrackName,
  fullTrackName,
  MOQT_18,
  type RequestId,
  trackNamespace,
  utf8,
  type Vi64,
} from '@higgins/protocol';
import { QuicTransport } from '@higgins/quic';
import type { RelayConfigInput } from '@higgins/relay';
import { NodeRuntime } from '@higgins/runtime/node';
import type { CloseInfo, Connection, ConnectionLimits } from '@higgins/transport';

const RELAY = fileURLToPath(new URL('../../../relay/dist/main.js', import.meta.url));
/** A Node process and a handshake on a busy machine. */
const EVENT_MS_MAX = 30_000;
/** Every wait of a client ends with its test. */
const TEST_MS_MAX = 120_000;
const LOOK_EVERY_MS = 10;
const ALIAS = 7;
const NO_BYTES = new Uint8Array(0);

/** What a process has spent. */
export interface Spent {
  readonly cpuMs: number;
  /** The most memory that it had at once since the last look, in bytes. */
  readonly peakBytes: number;
}

/** A relay in a process of its own, on real QUIC, and peers that mean it harm. Linux only. */
export class AbuseBench implements AsyncDisposable {
  readonly transport = new QuicTransport();
  readonly #port: number;
  readonly #runtime = new NodeRuntime({ directory: 'unused' });
  readonly #relay: ChildProcess;
  readonly #directory: string;
  #bystanders = 0;

  private constructor(relay: ChildProcess, directory: string, port: number) {
    this.#relay = relay;
    this.#directory = directory;
    this.#port = port;
  }

  static async start(config: Pick<RelayConfigInput, 'limits'> = {}): Promise<AbuseBench> {
    const directory = mkdtempSync(join(tmpdir(), 'higgins-abuse-'));
    const tls = await serverFiles(directory);
    const file = join(directory, 'relay.yaml');
    const listen = { host: '127.0.0.1', port: 0 };
    writeFileSync(file, JSON.stringify({ listen, tls, anonymous: true, ...config }));
    const relay = spawn(process.execPath, [RELAY, file], { stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      return new AbuseBench(relay, directory, await portOf(relay));
    } catch (error) {
      relay.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Whether the relay still runs. */
  get alive(): boolean {
    return this.#relay.exitCode === null && this.#relay.signalCode === null;
  }

  /** A connection without a session: whatever is sent is sent as it is. A `deaf` one reads nothing until it is told to `hear`. */
  async abuser(limits: Partial<ConnectionLimits> = {}, deaf = false): Promise<Abuser> {
    const protocols = [MOQT_18.protocol];
    return new Abuser(await this.transport.connect({ url: this.#url, protocols, insecure: true, limits }), deaf);
  }

  /** A client that keeps to the draft. */
  client(limits: Partial<ConnectionLimits> = {}): Promise<InteropPeer> {
    const relay = { url: this.#url, insecure: true, limits };
    const signal = AbortSignal.timeout(TEST_MS_MAX);
    return InteropPeer.connect({ runtime: this.#runtime, transport: this.transport, relay, signal });
  }

  /** A publisher and a subscriber of a track of their own, whom nothing may harm. */
  async bystanders(): Promise<Bystanders> {
    this.#bystanders++;
    const name = trackOf(`bystanders/${this.#bystanders}`);
    const [publisher, subscriber] = [await this.client(), await this.client()];
    const published = await publish(publisher, name);
    const request = subscriber.command((session) => session.subscribe(name, {}));
    await subscriber.next(['subscribe-ok'], 'SUBSCRIBE_OK', request);
    return new Bystanders(published, subscriber, request);
  }

  /** What `run` makes the relay spend. */
  async spentBy(run: () => Promise<void>): Promise<Spent> {
    const process = `/proc/${this.#relay.pid}`;
    writeFileSync(`${process}/clear_refs`, '5');
    const before = readSpent(process);
    await run();
    const after = readSpent(process);
    return { cpuMs: after.cpuMs - before.cpuMs, peakBytes: after.peakBytes - before.peakBytes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.close();
    this.#runtime[Symbol.dispose]();
    if (this.alive) {
      this.#relay.kill('SIGKILL');
      await once(this.#relay, 'close');
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #url(): string {
    return `moqt://127.0.0.1:${this.#port}/`;
  }
}

/** A peer that writes bytes as it likes, and what became of them. */
export class Abuser {
  readonly connection: Connection;
  closed: CloseInfo | null = null;
  /** Codes of the streams that the relay reset or would not read, by stream. */
  readonly refused = new Map<number, number>();
  received = 0;
  /** Streams that the relay ended with FIN. */
  readonly ended = new Set<number>();
  #credits = 0;

  constructor(connection: Connection, deaf: boolean) {
    this.connection = connection;
    // What nobody listens for stays in the transport, and its window closes.
    if (!deaf) this.hear();
  }

  /** Listens from now on. */
  hear(): void {
    this.connection.listen({
      opened: () => undefined,
      data: (stream, bytes, fin) => {
        this.received += bytes.length;
        if (fin) this.ended.add(stream);
      },
      reset: (stream, code) => this.refused.set(stream, code),
      stopSending: (stream, code) => this.refused.set(stream, code),
      datagram: () => undefined,
      credit: () => {
        this.#credits++;
      },
      drained: () => undefined,
      closed: (info) => {
        this.closed = info;
      },
    });
  }

  setup(): void {
    this.send(
      false,
      encodeMessage(MOQT_18, { kind: 'setup', options: { path: '/', authority: 'relay' } }, CONTROL_FIRST),
    );
  }

  /** Opens a stream and writes to it; null for want of credit. */
  send(bidirectional: boolean, bytes: Uint8Array, fin = false): number | null {
    const stream = this.connection.open(bidirectional, 0);
    if (stream !== null) this.connection.write(stream, bytes, fin);
    return stream;
  }

  /** The same, as soon as there is credit; null if the session ends first. */
  async sendInTime(bidirectional: boolean, bytes: Uint8Array, fin = false): Promise<number | null> {
    for (;;) {
      const credits = this.#credits;
      const stream = this.send(bidirectional, bytes, fin);
      if (stream !== null) return stream;
      await eventually('stream credit', () => this.#credits > credits || this.closed !== null);
      if (this.closed !== null) return null;
    }
  }
}

/** Announces a track, and returns what sends a group of one object to its subscriber, whenever there is one. */
export async function publish(peer: InteropPeer, name: FullTrackName): Promise<Publish> {
  peer.serve(name, ALIAS);
  await peer.announce(name.namespace);
  let subscription: RequestId | null = null;
  return async (group, payload) => {
    subscription ??= (await peer.next(['subscribe'], 'SUBSCRIBE')).request;
    const head = { trackAlias: ALIAS, group, subgroup: 0, priority: 10, endOfGroup: true, firstObject: true };
    const object = { delta: 0, properties: NO_BYTES, hasProperties: false, status: 'normal' as const, payload };
    const request = subscription;
    peer.command((session) => {
      const bytes = encodeSubgroupHeader({ ...head, hasProperties: false });
      session.writeData(session.openSubgroup(request, bytes, 10), encodeSubgroupObject(object), true);
    });
  };
}

type Publish = (group: Vi64, payload: Uint8Array) => Promise<void>;

/** A publisher and a subscriber that mind their own business. */
export class Bystanders {
  readonly #publish: Publish;
  readonly #subscriber: InteropPeer;
  readonly #request: RequestId;
  #group = 0;

  constructor(publish: Publish, subscriber: InteropPeer, request: RequestId) {
    this.#publish = publish;
    this.#subscriber = subscriber;
    this.#request = request;
  }

  /** Publishes an object and waits until it has come; rejects if it does not. */
  async exchange(): Promise<void> {
    const group = ++this.#group;
    await this.#publish(group, utf8(`object ${group}`));
    const { object } = await this.#subscriber.next(['object'], `object ${group} of the bystanders`, this.#request);
    if (object.group !== group) throw new Error(`object of group ${object.group} came, expected ${group}`);
  }
}

/** Waits for a condition, bounded. */
export async function eventually(what: string, condition: () => boolean, limitMs = EVENT_MS_MAX): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`in vain: ${what}`);
    await delay(LOOK_EVERY_MS);
  }
}

/** A track from a path, with the Track Name `t`. */
export function trackOf(path: string): FullTrackName {
  return fullTrackName(trackNamespace(path.split('/').map(utf8)), utf8('t'));
}

async function portOf(relay: ChildProcess): Promise<number> {
  const lines: string[] = [];
  const signal = AbortSignal.timeout(EVENT_MS_MAX);
  for await (const line of createInterface({ input: relay.stderr!, signal })) {
    lines.push(line);
    if (!line.includes('relay listens')) continue;
    // Whatever it logs later is read and dropped, so that it does not block.
    relay.stderr!.resume();
    return (JSON.parse(line) as { port: number }).port;
  }
  relay.kill('SIGKILL');
  throw new Error(`the relay did not start: ${lines.join('\n')}`);
}

/** Times of the kernel's clock are in hundredths of a second (USER_HZ). */
const TICK_MS = 10;

function readSpent(process: string): Spent {
  const fields = readFileSync(`${process}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`${process}/status`, 'utf8'));
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, peakBytes: Number(peak?.[1]) * 1024 };
}

async function serverFiles(directory: string): Promise<{ certificate: string; privateKey: string }> {
  const identity = await issueIdentity(await createAuthority(), { name: 'relay', hosts: ['127.0.0.1'] });
  const files = { certificate: join(directory, 'relay.pem'), privateKey: join(directory, 'relay.key') };
  writeFileSync(files.certificate, identity.certificatePem);
  writeFileSync(files.privateKey, identity.privateKeyPem);
  return files;
}
