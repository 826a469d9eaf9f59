import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('lab-program.ts', import.meta.url));
/** Bound on every answer of a program. */
const WAIT_MS_MAX = 60_000;

/** A machine in a network namespace of its own; call inside a namespace of the test's own only. */
export class Host implements AsyncDisposable {
  readonly #holder: ChildProcess;
  readonly #programs: Program[] = [];

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async create(): Promise<Host> {
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo ready; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout!, 'data');
    return new Host(holder);
  }

  /** The process whose network namespace this is. */
  get pid(): number {
    return this.#holder.pid!;
  }

  /** Runs a command line on this machine and returns what it says. */
  run(command: string): string {
    return shell(command, this.#enter());
  }

  /** Joins this machine to the test's own namespace: `here` there, `there` on this machine, with addresses of each. */
  connect(here: string, addresses: readonly string[], there: string, own: readonly string[]): void {
    shell(`ip link add ${here} type veth peer name ${there} netns ${this.#holder.pid}`);
    for (const address of addresses) shell(`ip address add ${address} dev ${here}${nodad(address)}`);
    shell(`ip link set ${here} up`);
    for (const address of own) this.run(`ip address add ${address} dev ${there}${nodad(address)}`);
    this.run(`ip link set ${there} up`);
  }

  /** A program that sends and serves traffic from here. */
  program(): Program {
    const program = new Program(this.#enter());
    this.#programs.push(program);
    return program;
  }

  #enter(): string[] {
    return ['nsenter', `--net=/proc/${this.#holder.pid}/ns/net`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
    if (this.#holder.exitCode === null && this.#holder.kill('SIGKILL')) await once(this.#holder, 'exit');
  }
}

/** `lab-program.ts` in a namespace: commands go in as lines of JSON, answers come out. */
export class Program implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  /** `enter` is what the command line starts with; empty for the test's own namespace. */
  constructor(enter: readonly string[] = []) {
    const [command, ...args] = [...enter, process.execPath, PROGRAM];
    this.#process = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  /** Carries out one command; see `lab-program.ts` for what there is. One at a time. */
  async call<T>(command: string, options: object = {}): Promise<T> {
    this.#process.stdin!.write(`${JSON.stringify({ command, ...options })}\n`);
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), WAIT_MS_MAX);
    const { value, done } = await this.#answers.next();
    clearTimeout(timer);
    if (done) throw new Error(`the program ended instead of answering ${command}`);
    const { error, answer } = JSON.parse(value) as { error?: string; answer: T };
    if (error !== undefined) throw new Error(`${command}: ${error}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.kill('SIGKILL')) await once(this.#process, 'exit');
  }
}

/** Runs a command line in the test's own namespace, or where `enter` leads, and returns what it says. */
export function shell(command: string, enter: readonly string[] = []): string {
  const [program, ...args] = [...enter, 'sh', '-ec', command];
  return execFileSync(program!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 << 20 });
}

function nodad(address: string): string {
  return address.includes(':') ? ' nodad' : '';
}
