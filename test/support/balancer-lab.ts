import { Host, Program, shell } from './lab.js';

/** Addresses of members, five per family, all on one machine. */
export const MEMBERS = {
  4: ['10.2.0.11', '10.2.0.12', '10.2.0.13', '10.2.0.14', '10.2.0.15'],
  6: ['fd02::11', 'fd02::12', 'fd02::13', 'fd02::14', 'fd02::15'],
} as const;

/** Port on which members serve TCP and UDP. */
export const MEMBER_PORT = 8080;

/**
 * A client and a machine with members, joined by the test's own namespace, which is the node: the client is 10.1.0.2 and
 * fd01::2 behind the device `c0`, and sends from all of 10.100.0.0/16 and fd64::/64; members are behind `b0` and answer
 * through the node. All of 10.9.0.0/16 and fd09::/64 comes to the node.
 */
export class BalancerLab implements AsyncDisposable {
  readonly client: Host;
  readonly backend: Host;
  readonly clients: Program;
  readonly servers: Program;
  #local: Program | null = null;

  private constructor(client: Host, backend: Host) {
    this.client = client;
    this.backend = backend;
    this.clients = client.program();
    this.servers = backend.program();
  }

  static async create(): Promise<BalancerLab> {
    shell('nft flush ruleset; ip link set lo up; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1');
    const [client, backend] = await Promise.all([Host.create(), Host.create()]);
    client.connect('c0', ['10.1.0.1/24', 'fd01::1/64'], 'eth0', ['10.1.0.2/24', 'fd01::2/64']);
    const members = [...MEMBERS[4].map((address) => `${address}/24`), ...MEMBERS[6].map((address) => `${address}/64`)];
    backend.connect('b0', ['10.2.0.1/24', 'fd02::1/64'], 'eth0', members);
    client.run(`ip route add local 10.100.0.0/16 dev lo
      ip -6 route add local fd64::/64 dev lo
      sysctl -qw net.ipv6.ip_nonlocal_bind=1
      ip route add default via 10.1.0.1
      ip -6 route add default via fd01::1`);
    backend.run('ip route add default via 10.2.0.1; ip -6 route add default via fd02::1');
    shell('ip route add 10.100.0.0/16 via 10.1.0.2; ip -6 route add fd64::/64 via fd01::2');
    const lab = new BalancerLab(client, backend);
    await lab.servers.call('serve', { addresses: [...MEMBERS[4], ...MEMBERS[6]], port: MEMBER_PORT });
    return lab;
  }

  /** Brings both machines and the node's ruleset to where they were after `create`. */
  async reset(): Promise<void> {
    shell('nft flush ruleset');
    this.backend.run('nft flush ruleset');
    for (const program of [this.clients, this.servers, this.#local]) {
      await program?.call('release');
      await program?.call('take');
    }
  }

  /** A program on the node itself. */
  localProgram(): Program {
    this.#local ??= new Program();
    return this.#local;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#local?.[Symbol.asyncDispose]();
    await this.client[Symbol.asyncDispose]();
    await this.backend[Symbol.asyncDispose]();
    for (const device of ['c0', 'b0']) shell(`ip link delete ${device} || true`);
  }
}
