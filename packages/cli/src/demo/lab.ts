import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { initAuthority, issueIdentityFiles } from '../certificates/files.js';
import { type IsolatedHost, IsolatedNetwork } from '../isolated/network.js';
import { Program } from '../isolated/program.js';
import { type DemoList, LISTS, listFiles, type Release } from './lists.js';
import type { ExpectedChange } from './probe.js';

const HIGGINS = fileURLToPath(new URL('../main.js', import.meta.url));
const PROBER = fileURLToPath(new URL('./prober.js', import.meta.url));
const ECHO = fileURLToPath(new URL('../isolated/echo.js', import.meta.url));

export const ORIGIN_PORT = 4443;
export const EDGE_PORT = 4444;
/** A native build is done by then; what remains is starting processes on a busy machine. */
const START_MS_MAX = 20_000;

/** Certificates, files and programs of the demo, all below one directory. */
export class Lab implements AsyncDisposable {
  readonly directory: string;
  readonly network = new IsolatedNetwork();
  readonly ttl: string;
  readonly #logs: string;
  readonly #programs = new Map<string, Program>();

  constructor(directory: string, ttl: string, logs: string) {
    this.directory = directory;
    this.ttl = ttl;
    this.#logs = logs;
    mkdirSync(logs, { recursive: true });
  }

  /** Makes the authority and an identity for each program. */
  async issueCertificates(names: Readonly<Record<string, readonly string[]>>): Promise<void> {
    await initAuthority(this.path('certs'), {});
    for (const [name, hosts] of Object.entries(names)) await issueIdentityFiles(this.path('certs'), { name, hosts });
  }

  /** Region A: publishers attach here. */
  async startOrigin(): Promise<void> {
    const listen = ['--listen', `127.0.0.1:${ORIGIN_PORT}`];
    await this.#ready(this.#start('origin', ['relay', ...listen, ...this.#tlsFlags('origin')]), 'relay listens');
  }

  /** Region B: PoPs attach here; its upstream is the origin. */
  async startEdge(): Promise<void> {
    const flags = ['--listen', `0.0.0.0:${EDGE_PORT}`, '--upstream', `moqt://127.0.0.1:${ORIGIN_PORT}`];
    await this.#ready(this.#start('edge', ['relay', ...flags, ...this.#tlsFlags('edge')]), 'relay listens');
  }

  async startAgent(pop: IsolatedHost): Promise<void> {
    const config = this.path(`agent-${pop.name}.yaml`);
    // JSON is YAML.
    writeFileSync(config, JSON.stringify(this.#agentConfig(pop), null, 2));
    const program = this.#start(`agent-${pop.name}`, ['agent', '--config', config], pop.enter);
    await this.#ready(program, 'agent started');
  }

  /** The service that the lists guard. */
  async startService(pop: IsolatedHost): Promise<void> {
    const ports = LISTS.map(({ port }) => String(port));
    const name = `service-${pop.name}`;
    const program = new Program(
      name,
      [...pop.enter, process.execPath, ECHO, ...ports],
      join(this.#logs, `${name}.log`),
    );
    this.#programs.set(name, program);
    await program.line('line that it listens', (record) => record['msg'] === 'listening', START_MS_MAX);
  }

  /** Watches for changes of verdict; prints a line for each. */
  startProber(changes: readonly ExpectedChange[]): Program {
    const program = new Program(
      'prober',
      [process.execPath, PROBER, JSON.stringify(changes)],
      join(this.#logs, 'prober.log'),
    );
    this.#programs.set('prober', program);
    return program;
  }

  /** Publishes the list from files of the lab, which `release` replaces. */
  startPublisher(list: DemoList): Program {
    const files = this.#watchedFiles(list).flatMap((file) => ['--file', file]);
    const flags = ['--relay', `moqt://127.0.0.1:${ORIGIN_PORT}`, ...this.#tlsFlags('publisher')];
    const state = ['--state', this.path(`publisher-${list.provider}`)];
    const expiry = ['--ttl', this.ttl, '--on-expiry', list.onExpiry];
    return this.#start(`publisher-${list.provider}`, [
      'publish',
      list.track,
      ...files,
      ...expiry,
      ...state,
      ...flags,
      '--json',
    ]);
  }

  /** Puts a release's files where the publisher reads them: written beside and renamed, as an operator's tool does. */
  release(list: DemoList, release: Release): void {
    const sources = listFiles(list, release);
    this.#watchedFiles(list).forEach((file, index) => {
      copyFileSync(sources[index] ?? '', `${file}.new`);
      renameSync(`${file}.new`, file);
    });
  }

  program(name: string): Program {
    const program = this.#programs.get(name);
    if (!program) throw new Error(`no program ${name}`);
    return program;
  }

  async kill(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.program(name).stop('SIGKILL')));
  }

  /** The TLS files of a program, by the names of the command line's flags. */
  tlsOf(name: string): { tlsCa: string; tlsCert: string; tlsKey: string } {
    const file = (base: string) => this.path('certs', base);
    return { tlsCa: file('ca.pem'), tlsCert: file(`${name}.pem`), tlsKey: file(`${name}.key`) };
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#programs.values()].map((program) => program.stop('SIGKILL')));
    this.network[Symbol.dispose]();
  }

  #start(name: string, args: readonly string[], enter: readonly string[] = []): Program {
    const program = new Program(name, [...enter, process.execPath, HIGGINS, ...args], join(this.#logs, `${name}.log`));
    this.#programs.set(name, program);
    return program;
  }

  #tlsFlags(name: string): string[] {
    const { tlsCa, tlsCert, tlsKey } = this.tlsOf(name);
    return ['--tls-ca', tlsCa, '--tls-cert', tlsCert, '--tls-key', tlsKey];
  }

  async #ready(program: Program, message: string): Promise<void> {
    await program.line(`line "${message}"`, (record) => record['msg'] === message, START_MS_MAX);
  }

  #watchedFiles(list: DemoList): string[] {
    return ['ipv4', 'ipv6'].map((family) => this.path(`${list.provider}-${family}.txt`));
  }

  #agentConfig(pop: IsolatedHost): unknown {
    const { tlsCa, tlsCert, tlsKey } = this.tlsOf(pop.name);
    return {
      pop: pop.name,
      stateDirectory: this.path(`state-${pop.name}`),
      relays: [{ url: `moqt://${pop.gateway.ipv4}:${EDGE_PORT}` }],
      tls: { authorities: tlsCa, certificate: tlsCert, privateKey: tlsKey },
      lists: LISTS.map(({ track, action, port }) => ({ track, action, ports: { udp: [port] } })),
      localSocket: this.path(`${pop.name}.sock`),
    };
  }
}
