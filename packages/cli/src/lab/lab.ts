import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '@higgins/agent';
import { type IsolatedHost, IsolatedNetwork } from '../isolated/network.js';
import { Program } from '../isolated/program.js';
import type { Example, ExampleMember } from './examples.js';

const HIGGINS = pathOf('../main.js');
const BACKEND = pathOf('./backend.js');
const CLIENT = pathOf('./client.js');
/** What is started is up by then, on a busy machine. */
const START_MS_MAX = 20_000;
/** Clients that the client's host stands for. */
const SOURCES = 40;

/** Hosts, files and programs of the lab. The balancer runs in the namespace that all others are linked to. */
export class Lab implements AsyncDisposable {
  readonly network = new IsolatedNetwork();
  readonly example: Example;
  readonly control: ControlClient;
  readonly #directory: string;
  readonly #logs: string;
  readonly #programs = new Map<string, Program>();
  #client: IsolatedHost | null = null;

  constructor(directory: string, logs: string, example: Example) {
    this.example = example;
    this.#directory = directory;
    this.#logs = logs;
    this.control = new ControlClient(this.#path('control.sock'));
  }

  /** Where clients connect to. */
  get address(): string {
    return this.example.address ?? this.client.gateway.ipv4;
  }

  /** Addresses that the client connects from, in turn: to a balancer with affinity, one address is one client. */
  get sources(): readonly string[] {
    const network = this.client.address.ipv4.replace(/\d+$/, '');
    return Array.from({ length: SOURCES }, (_, index) => `${network}${100 + index}`);
  }

  get client(): IsolatedHost {
    if (this.#client === null) throw new Error('the lab has no client yet');
    return this.#client;
  }

  /** Makes hosts for the backends and the client, and has the kernel forward between them, as the balancer asks for. */
  async addHosts(): Promise<void> {
    for (const index of this.example.members.keys()) await this.network.addHost(`backend-${index + 1}`);
    this.#client = await this.network.addHost('client');
    for (const source of this.sources)
      run('nsenter', ...this.client.enter.slice(1), 'ip', 'address', 'add', `${source}/24`, 'dev', 'eth0');
    for (const key of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']) {
      writeFileSync(`/proc/sys/${key.replaceAll('.', '/')}`, '1');
    }
    const names = this.example.members.map(({ host }, index) => {
      return host === null ? '' : `${this.network.hosts[index]!.address.ipv4} ${host}\n`;
    });
    writeFileSync(this.#path('hosts'), `127.0.0.1 localhost\n${names.join('')}`);
    // The mount namespace is the lab's own.
    run('mount', '--bind', this.#path('hosts'), '/etc/hosts');
    writeFileSync(this.#path('lb.yaml'), readFileSync(this.example.file));
  }

  async startBackend(member: ExampleMember): Promise<void> {
    const { enter } = this.network.hosts[this.example.members.indexOf(member)]!;
    const program = this.#start(member.name, [...enter, process.execPath, BACKEND, member.name, String(member.port)]);
    await program.line('line that it listens', ({ msg }) => msg === 'listening', START_MS_MAX);
  }

  async startBalancer(): Promise<void> {
    const paths = [
      '--config',
      this.#path('lb.yaml'),
      '--state',
      this.#path('state'),
      '--socket',
      this.#path('control.sock'),
    ];
    const program = this.#start('balancer', [process.execPath, HIGGINS, 'lb', 'run', ...paths]);
    await program.line('line that it balances', ({ msg }) => msg === 'balancing', START_MS_MAX);
  }

  /** Changes the configuration as the example says, and asks for it. */
  async changeConfiguration(): Promise<void> {
    const [find, replace] = this.example.change;
    const text = readFileSync(this.#path('lb.yaml'), 'utf8');
    if (!text.includes(find)) throw new Error(`${this.example.file} does not contain "${find}"`);
    writeFileSync(this.#path('lb.yaml'), text.replace(find, replace));
    await this.control.reload();
  }

  /** A client that opens connections; see `client.ts` for the flags and the lines that it prints. */
  startClient(name: string, ...flags: string[]): Program {
    const { enter } = this.client;
    const command = [process.execPath, CLIENT, this.address, String(this.example.port), ...this.sources];
    return this.#start(name, [...enter, ...command, ...flags]);
  }

  program(name: string): Program {
    const program = this.#programs.get(name);
    if (program === undefined) throw new Error(`no program ${name}`);
    return program;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#programs.values()].map((program) => program.stop('SIGKILL')));
    this.network[Symbol.dispose]();
  }

  #start(name: string, command: readonly string[]): Program {
    const program = new Program(name, command, join(this.#logs, `${name}.log`));
    this.#programs.set(name, program);
    return program;
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
