import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../../packages/agent/src/balancer/io/control-client.js';
import { Program } from '../../packages/cli/src/isolated/program.js';
import { Host, shell, type Program as TrafficProgram } from './lab.js';

/** The address of which each node of the tier announces that it serves it, and one that the router has a fixed way to. */
export const ANYCAST = '10.9.9.9';
export const FIXED = '10.9.9.10';
export const BIRD = '/usr/sbin/bird';
export const HAPROXY = '/usr/sbin/haproxy';

const HIGGINS = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
/** Starting a Node process on a busy machine. */
const START_MS_MAX = 30_000;

/** A load balancer with its routing daemon. */
export interface TierNode {
  readonly host: Host;
  readonly number: number;
  /** Of the router's end of the link, and of the node's. */
  readonly gateway: string;
  readonly address: string;
  /** On the network of the servers. */
  readonly lanAddress: string;
  readonly control: ControlClient;
}

/** A machine behind the tier that also has the anycast address, for direct server return. */
export interface TierServer {
  readonly host: Host;
  readonly name: string;
  readonly address: string;
  readonly traffic: TrafficProgram;
}

/**
 * A router with nodes and a client behind it, and servers on a network that nodes and router share. The router is the
 * test's own namespace, and learns from BIRD on the nodes who serves the anycast address: the kernel then spreads flows
 * over them by five-tuple. What it forwards is noted, flow by flow.
 *
 *     client ── router ══ node 1..n ── lan (bridge of the router) ── server 1..m
 */
export class TierLab implements AsyncDisposable {
  readonly nodes: TierNode[] = [];
  readonly servers: TierServer[] = [];
  readonly #directory: string;
  readonly #programs = new Map<string, Program>();
  #client: Host | null = null;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** `configuration`: what all nodes balance, in the core's own form; JSON is YAML. */
  static async create(directory: string, nodes: number, servers: number, configuration: object): Promise<TierLab> {
    const lab = new TierLab(directory);
    writeFileSync(lab.#path('lb.yaml'), JSON.stringify(configuration));
    shell(ROUTER_SETUP);
    lab.#client = await Host.create();
    lab.client.connect('client', ['10.71.0.1/24'], 'eth0', ['10.71.0.2/24']);
    lab.client.run('ip route add default via 10.71.0.1');
    for (let number = 1; number <= nodes; number++) await lab.#addNode(number);
    for (let number = 1; number <= servers; number++) await lab.#addServer(number);
    return lab;
  }

  get client(): Host {
    if (this.#client === null) throw new Error('the tier has no client yet');
    return this.#client;
  }

  /** A program that was started; the name is what `start…` made it. */
  program(name: string): Program {
    const program = this.#programs.get(name);
    if (program === undefined) throw new Error(`no program ${name}`);
    return program;
  }

  /** BIRD on the router, which talks to all nodes. */
  startRouter(): void {
    this.#start('bird-router', [], this.#bird('router', routerConfiguration(this.nodes)));
  }

  /** BIRD on a node, with no route yet. */
  startBird(node: TierNode): void {
    const name = `node-${node.number}`;
    const routes = this.#path(`${name}.routes`);
    if (!existsSync(routes)) writeFileSync(routes, '');
    this.#start(`bird-${node.number}`, enter(node.host), this.#bird(name, nodeConfiguration(node, routes)));
  }

  async startBalancer(node: TierNode): Promise<void> {
    const name = `node-${node.number}`;
    const settings = this.#path(`${name}.yaml`);
    const bird = { file: this.#path(`${name}.routes`), socket: this.#birdSocket(name) };
    writeFileSync(settings, JSON.stringify({ node: name, bird }));
    const program = this.#start(name, enter(node.host), [
      ...[process.execPath, HIGGINS, 'lb', 'run', '--config', this.#path('lb.yaml'), '--settings', settings],
      ...['--state', this.#path(`${name}.state`), '--socket', this.#path(`${name}.control`)],
    ]);
    await program.line('line that it balances', ({ msg }) => msg === 'balancing', START_MS_MAX);
  }

  /** HAProxy on a server: answers each request on the port with the server's name and who asked, and keeps connections. */
  startProxy(server: TierServer, port: number): Program {
    const file = this.#path(`${server.name}.cfg`);
    writeFileSync(file, proxyConfiguration(server.name, port));
    return this.#start(`proxy-${server.name}`, enter(server.host), [HAPROXY, '-db', '-f', file]);
  }

  /** Ends a program at once, so that it can say nothing to anybody. */
  async kill(name: string): Promise<void> {
    await this.program(name).stop('SIGKILL');
  }

  /** What BIRD on the router says to a command; nothing while it starts. */
  askRouter(command: string): string {
    const { stdout } = spawnSync('birdc', ['-s', this.#birdSocket('router'), ...command.split(' ')], {
      encoding: 'utf8',
    });
    return stdout;
  }

  /** Numbers of the nodes that the router's kernel sends the anycast address to. */
  routedNodes(): number[] {
    const text = execFileSync('ip', ['-4', 'route', 'show', `${ANYCAST}/32`], { encoding: 'utf8' });
    return [...text.matchAll(/via 10\.71\.(\d+)\.2/g)].map(([, number]) => Number(number)).sort();
  }

  /** By source port: the node that the router sent the flow's packets to since `forgetFlows`. */
  carriers(): Map<number, number> {
    const { nftables } = JSON.parse(shell('nft -j list set inet witness flows')) as {
      nftables: readonly {
        set?: { elem?: readonly { elem?: { val: Concatenation }; concat?: Concatenation['concat'] }[] };
      }[];
    };
    const elements = nftables.flatMap(({ set }) => set?.elem ?? []);
    return new Map(
      elements.map(({ elem, concat }) => {
        const [port, device] = elem?.val.concat ?? concat!;
        return [port, Number(device.replace('node', ''))];
      }),
    );
  }

  forgetFlows(): void {
    shell('nft flush set inet witness flows');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#programs.values()].map((program) => program.stop('SIGKILL')));
    for (const { host } of [...this.nodes, ...this.servers]) await host[Symbol.asyncDispose]();
    await this.#client?.[Symbol.asyncDispose]();
  }

  async #addNode(number: number): Promise<void> {
    const host = await Host.create();
    const [gateway, address, lanAddress] = [`10.71.${number}.1`, `10.71.${number}.2`, `10.88.0.${10 + number}`];
    host.connect(`node${number}`, [`${gateway}/24`], 'eth0', [`${address}/24`]);
    host.connect(`lan${number}`, [], 'lan', [`${lanAddress}/24`]);
    shell(`ip link set lan${number} master lan0`);
    host.run(`${SYSCTLS}; ip route add default via ${gateway}`);
    const control = new ControlClient(this.#path(`node-${number}.control`));
    this.nodes.push({ host, number, gateway, address, lanAddress, control });
  }

  async #addServer(number: number): Promise<void> {
    const host = await Host.create();
    const address = `10.88.0.${20 + number}`;
    host.run('sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2');
    host.connect(`server${number}`, [], 'eth0', [`${address}/24`]);
    shell(`ip link set server${number} master lan0`);
    host.run(`ip address add ${ANYCAST}/32 dev lo; ip route add default via 10.88.0.1`);
    this.servers.push({ host, name: `server-${number}`, address, traffic: host.program() });
  }

  #bird(name: string, configuration: string): string[] {
    const file = this.#path(`${name}.conf`);
    writeFileSync(file, configuration);
    return [BIRD, '-f', '-c', file, '-s', this.#birdSocket(name)];
  }

  #start(name: string, prefix: readonly string[], command: readonly string[]): Program {
    mkdirSync(this.#path('logs'), { recursive: true });
    const program = new Program(name, [...prefix, ...command], this.#path('logs', `${name}.log`));
    this.#programs.set(name, program);
    return program;
  }

  #birdSocket(name: string): string {
    return this.#path(`${name}.ctl`);
  }

  #path(...names: string[]): string {
    return join(this.#directory, ...names);
  }
}

interface Concatenation {
  readonly concat: readonly [port: number, device: string];
}

/** Answers of servers come another way than the questions went. */
const SYSCTLS = 'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0';

const ROUTER_SETUP = `
  ip link set lo up
  ${SYSCTLS} net.ipv4.fib_multipath_hash_policy=1
  ip link add lan0 type bridge
  ip address add 10.88.0.1/24 dev lan0
  ip link set lan0 up
  nft add table inet witness
  nft 'add set inet witness flows { typeof tcp sport . oifname; flags dynamic; size 65535; }'
  nft 'add chain inet witness forward { type filter hook forward priority 0; }'
  nft 'add rule inet witness forward oifname "node*" ip daddr { ${ANYCAST}, ${FIXED} } update @flows { tcp sport . oifname }'`;

/** A session that is lost is noticed by BFD within a second, and not only by the hold timer. */
const BFD = 'protocol bfd { interface "*" { interval 200 ms; multiplier 5; }; }';
const SESSION = 'bfd on; hold time 9; connect delay time 1; connect retry time 1; error wait time 1, 2;';

/** The operator's part: what is included is exported, and never put into the node's own kernel. */
function nodeConfiguration({ address, gateway }: TierNode, routes: string): string {
  return `
router id ${address};
protocol device {}
${BFD}
include "${routes}";
protocol bgp uplink {
  local ${address} as 65001; neighbor ${gateway} as 65000; ${SESSION}
  ipv4 { import none; export where proto = "higgins4"; };
}
`;
}

/** Equal routes of several nodes become one with several next hops. */
function routerConfiguration(nodes: readonly TierNode[]): string {
  const sessions = nodes.map(
    ({ number, address, gateway }) => `
protocol bgp node${number} {
  local ${gateway} as 65000; neighbor ${address} as 65001; ${SESSION}
  ipv4 { import all; export none; };
}`,
  );
  return `
router id 10.71.0.1;
protocol device {}
${BFD}
protocol kernel { merge paths on; ipv4 { import none; export where source = RTS_BGP; }; }
${sessions.join('')}
`;
}

function proxyConfiguration(name: string, port: number): string {
  return `
global
  maxconn 4000
defaults
  mode http
  timeout client 5m
  timeout server 5m
  timeout connect 5s
  timeout http-keep-alive 5m
frontend all
  bind :${port}
  http-request return status 200 content-type text/plain lf-string "${name} %ci"
`;
}

function enter(host: Host): string[] {
  return ['nsenter', `--net=/proc/${host.pid}/ns/net`];
}
