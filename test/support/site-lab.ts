import { execFileSync, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../../packages/agent/src/balancer/io/control-client.js';
import { type IsolatedHost, IsolatedNetwork } from '../../packages/cli/src/isolated/network.js';
import { Program } from '../../packages/cli/src/isolated/program.js';
import { Netlink } from '../../packages/netlink/src/index.js';

/** The virtual address that clients connect to, and the port of every backend. */
export const SITE_ADDRESS = '10.9.9.9';
export const BACKEND_PORT = 8080;

const built = (file: string) => fileURLToPath(new URL(`../../packages/cli/dist/${file}`, import.meta.url));
const HIGGINS = built('main.js');
const BACKEND = built('lab/backend.js');
/** Starting a Node process on a busy machine. */
const START_MS_MAX = 30_000;

/**
 * `higgins lb run` in the test's own namespace, with a client and backends on hosts of their own. Backends answer HTTP
 * with their name.
 */
export class SiteLab implements AsyncDisposable {
  readonly control: ControlClient;
  readonly backends: readonly string[];
  readonly network = new IsolatedNetwork();
  readonly #directory: string;
  readonly #programs = new Map<string, Program>();

  private constructor(directory: string, backends: readonly string[]) {
    this.#directory = directory;
    this.backends = backends;
    this.control = new ControlClient(this.path('control'));
  }

  static async create(directory: string, backends: readonly string[]): Promise<SiteLab> {
    const lab = new SiteLab(directory, backends);
    for (const name of [...backends, 'client']) await lab.network.addHost(name);
    for (const name of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${name}`, '1');
    await Promise.all(backends.map((name) => lab.startBackend(name)));
    return lab;
  }

  get client(): IsolatedHost {
    return this.network.hosts.at(-1)!;
  }

  /** A load balancer `shop` of the owner with one listener, on port 80, and the pool `web` of all backends. */
  document(owner: string, pool: object = {}): object {
    const activeCheck = { type: 'tcp', intervalMs: 500, timeoutMs: 450, rise: 1, fall: 1 };
    const members = this.backends.map((name, index) => ({
      ...{ name, host: this.network.hosts[index]!.address.ipv4, port: BACKEND_PORT },
    }));
    const pools = [{ name: 'web', activeCheck, members, ...pool }];
    const listeners = [{ name: 'http', protocol: 'tcp', port: 80, rules: [{ pool: 'web' }] }];
    return { loadBalancers: [{ owner, name: 'shop', addresses: [SITE_ADDRESS], listeners, pools }] };
  }

  path(...names: string[]): string {
    return join(this.#directory, ...names);
  }

  async startBackend(name: string): Promise<void> {
    const { enter } = this.network.hosts[this.backends.indexOf(name)]!;
    await this.start(name, [...enter, process.execPath, BACKEND, name, `${BACKEND_PORT}`], 'listening');
  }

  /** `settings`: of the process; `flags`: where the configuration comes from, and what else is asked for. */
  async startBalancer(settings: object, ...flags: string[]): Promise<Program> {
    const file = this.path('settings.yaml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ node: 'n1', ...settings }));
    const paths = ['--settings', file, '--state', this.path('state'), '--socket', this.path('control')];
    return await this.startHiggins('balancer', ['lb', 'run', ...paths, ...flags], 'balancing');
  }

  startHiggins(name: string, args: readonly string[], message: string): Promise<Program> {
    return this.start(name, [process.execPath, HIGGINS, ...args], message);
  }

  /** Starts a program, whose end is the lab's. */
  spawn(name: string, command: readonly string[]): Program {
    const program = new Program(name, command, this.path(`${name}.log`));
    this.#programs.set(name, program);
    return program;
  }

  /** Resolves once the program has printed a line with the message. */
  async start(name: string, command: readonly string[], message: string): Promise<Program> {
    const program = this.spawn(name, command);
    await program.line(`line "${message}"`, ({ msg }) => msg === message, START_MS_MAX);
    return program;
  }

  async kill(name: string): Promise<void> {
    await this.#programs.get(name)?.stop('SIGKILL');
    this.#programs.delete(name);
  }

  /** Brings everything to where it was after `create`: no balancer, nothing of it left, and all backends there. */
  async reset(): Promise<void> {
    await this.kill('balancer');
    rmSync(this.path('state'), { recursive: true, force: true });
    execFileSync('nft', ['flush', 'ruleset']);
    await new Netlink().deleteFlows({});
    for (const name of this.backends) {
      execFileSync('ip', ['link', 'set', name, 'up']);
      if (!this.#programs.has(name)) await this.startBackend(name);
    }
  }

  /** Who answers the client on each of so many connections, one after the other; null: nobody did. */
  async visit(count = 1): Promise<(string | null)[]> {
    const answers: (string | null)[] = [];
    for (let done = 0; done < count; done++) answers.push(await this.#visitOnce());
    return answers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#programs.values()].map((program) => program.stop('SIGKILL')));
    this.network[Symbol.dispose]();
  }

  /** Without blocking, so that receivers in the test's own process go on. */
  async #visitOnce(): Promise<string | null> {
    const [file = '', ...args] = [...this.client.enter, 'curl', '-s', '--max-time', '5', `http://${SITE_ADDRESS}/`];
    const curl = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const answer = await text(curl.stdout);
    return answer === '' ? null : answer;
  }
}
