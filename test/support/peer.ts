import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SOURCE_PROGRAM = fileURLToPath(new URL('packet-source.ts', import.meta.url));
/** Bound on every wait for a packet or a process. */
const WAIT_MS_MAX = 20_000;

/** A second network namespace, joined to the test's own by a veth pair: `eth0` here, `peer0` there. */
export class Peer implements AsyncDisposable {
  readonly #holder: ChildProcess;
  readonly #children: ChildProcess[] = [];
  readonly #sockets: Socket[] = [];

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /** `here` and `there` are addresses with prefix length; call inside a namespace of the test's own only. */
  static async create(here: readonly string[], there: readonly string[]): Promise<Peer> {
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout!, 'data');
    const peer = new Peer(holder);
    run('ip', 'link', 'set', 'lo', 'up');
    run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'peer0', 'netns', String(holder.pid));
    for (const address of here) run('ip', 'address', 'add', address, 'dev', 'eth0', ...nodad(address));
    run('ip', 'link', 'set', 'eth0', 'up');
    peer.run('ip', 'link', 'set', 'lo', 'up');
    peer.run('ip', 'link', 'set', 'peer0', 'up');
    for (const address of there) peer.run('ip', 'address', 'add', address, 'dev', 'peer0', ...nodad(address));
    return peer;
  }

  /** The command and leading arguments that run a program in the peer's namespace. */
  get enter(): readonly string[] {
    return ['nsenter', ...this.#enter()];
  }

  /** Runs a command in the peer's namespace. */
  run(...command: string[]): void {
    run('nsenter', ...this.#enter(), ...command);
  }

  /** Sends datagrams from `sources` to this side's `address`; resolves to what arrives, as it arrives. */
  async send(address: string, sources: readonly string[], periodMs: number): Promise<Arrivals> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    this.#sockets.push(socket);
    const args = [SOURCE_PROGRAM, address, String(socket.address().port), String(periodMs), ...sources];
    this.#children.push(
      spawn('nsenter', [...this.#enter(), process.execPath, ...args], { stdio: ['ignore', 'inherit', 'inherit'] }),
    );
    return new Arrivals(socket);
  }

  #enter(): string[] {
    return [`--net=/proc/${this.#holder.pid}/ns/net`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    execFileSync('ip', ['link', 'delete', 'eth0']);
    for (const socket of this.#sockets) socket.close();
    for (const child of [...this.#children, this.#holder]) {
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
    }
  }
}

/** Datagrams that came through, by source address, with their times (`performance.now()`). */
export class Arrivals {
  readonly #times = new Map<string, number[]>();
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (payload) => {
      const source = payload.toString();
      const times = this.#times.get(source);
      if (times) times.push(performance.now());
      else this.#times.set(source, [performance.now()]);
    });
  }

  count(source: string): number {
    return this.#times.get(source)?.length ?? 0;
  }

  last(source: string): number {
    return this.#times.get(source)?.at(-1) ?? Number.NaN;
  }

  /** Waits until a datagram of that source arrives that was not there when this was called; resolves to its time. */
  async next(source: string): Promise<number> {
    const before = this.count(source);
    const signal = AbortSignal.timeout(WAIT_MS_MAX);
    while (this.count(source) === before) await once(this.#socket, 'message', { signal });
    return this.#times.get(source)![before]!;
  }
}

function nodad(address: string): string[] {
  return address.includes(':') ? ['nodad'] : [];
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
