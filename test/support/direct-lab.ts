import { Host, type Program, shell } from './lab.js';

/** A machine that serves: its addresses on the link are its name in a test. */
export interface Server {
  readonly host: Host;
  readonly program: Program;
  readonly addresses: { readonly 4: string; readonly 6: string };
}

/** Virtual addresses: all of these networks are on the loopback device of every server. */
export const VIRTUAL = { 4: '10.9.0.9', 6: 'fd09::9' } as const;

/**
 * Client, node and servers on one switch, so that servers answer the client directly; one more server stands behind a
 * router. The test's own namespace is the node: 10.3.0.1 and fd03::1 on the device `n0`. The client is 10.3.0.2 and fd03::2
 * and sends what is for virtual addresses to the node, from all of 10.100.0.0/16 and fd64::/64.
 */
export class DirectLab implements AsyncDisposable {
  readonly #hosts: Host[] = [];
  readonly #switch: Host;
  readonly client: Host;
  readonly clients: Program;
  /** On the switch: 10.3.0.11 and fd03::11, and so on. */
  readonly servers: Server[] = [];
  /** Behind the router 10.3.0.3 and fd03::3: 10.5.0.14 and fd05::14. */
  readonly remote: Server;

  static async create(): Promise<DirectLab> {
    shell('nft flush ruleset; ip link set lo up; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1');
    shell(
      'sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.send_redirects=0',
    );
    const hosts = await Promise.all(Array.from({ length: 7 }, () => Host.create()));
    return new DirectLab(hosts as [Host, Host, Host, Host, Host, Host, Host]);
  }

  private constructor([fabric, client, router, remote, ...servers]: [Host, Host, Host, Host, ...Host[]]) {
    this.#hosts.push(fabric, client, router, remote, ...servers);
    this.#switch = fabric;
    this.client = client;
    fabric.run(
      'ip link add br0 type bridge; sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 || true; ip link set br0 up',
    );
    fabric.connect('n0', ['10.3.0.1/24', 'fd03::1/64'], 'node', []);
    fabric.run('ip link set node master br0');
    // What is sent on by the device that it came from would tell the client of a better way.
    shell('sysctl -qw net.ipv4.conf.n0.send_redirects=0');
    this.#plug(client, 'client', 2);
    this.#plug(router, 'router', 3);
    client.run(`ip route add local 10.100.0.0/16 dev lo
      ip -6 route add local fd64::/64 dev lo
      sysctl -qw net.ipv6.ip_nonlocal_bind=1 net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.eth0.accept_redirects=0
      ip route add 10.9.0.0/16 via 10.3.0.1
      ip -6 route add fd09::/64 via fd03::1
      ip route add 10.5.0.0/24 via 10.3.0.3
      ip -6 route add fd05::/64 via fd03::3`);
    for (const [index, host] of servers.entries()) {
      this.#plug(host, `server${index}`, 11 + index);
      this.servers.push(this.#server(host, { 4: `10.3.0.${11 + index}`, 6: `fd03::${11 + index}` }));
      host.run('ip route add default via 10.3.0.2; ip -6 route add default via fd03::2');
    }
    this.#attachRemote(router, remote);
    this.remote = this.#server(remote, { 4: '10.5.0.14', 6: 'fd05::14' });
    shell('ip route add 10.100.0.0/16 via 10.3.0.2; ip -6 route add fd64::/64 via fd03::2');
    shell('ip route add 10.5.0.0/24 via 10.3.0.3; ip -6 route add fd05::/64 via fd03::3');
    this.clients = client.program();
  }

  /** Ends programs' state and the node's ruleset, as they were after `create`. */
  async reset(): Promise<void> {
    shell('nft flush ruleset');
    for (const program of [this.clients, ...this.all.map((server) => server.program)]) {
      await program.call('release');
      await program.call('take');
    }
  }

  get all(): Server[] {
    return [...this.servers, this.remote];
  }

  /** Every server listens on the virtual addresses and on any address; it answers with its address of the family. */
  async serve(port: number): Promise<void> {
    for (const { program, addresses } of this.all) {
      for (const family of [4, 6] as const) {
        await program.call('serve', { addresses: [VIRTUAL[family]], port, name: addresses[family] });
      }
    }
  }

  /** A machine on the switch, with the addresses that end in this number. */
  #plug(host: Host, port: string, number: number): void {
    this.#switch.run(`ip link add ${port} type veth peer name eth0 netns ${host.pid}
      ip link set ${port} master br0
      ip link set ${port} up`);
    host.run(`sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
      ip address add 10.3.0.${number}/24 dev eth0
      ip address add fd03::${number}/64 dev eth0 nodad
      ip link set eth0 up`);
  }

  #attachRemote(router: Host, remote: Host): void {
    router.run(`sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
      ip link add far type veth peer name eth0 netns ${remote.pid}
      ip address add 10.5.0.1/24 dev far
      ip address add fd05::1/64 dev far nodad
      ip link set far up
      ip route add 10.100.0.0/16 via 10.3.0.2
      ip -6 route add fd64::/64 via fd03::2`);
    remote.run(`sysctl -qw net.ipv4.conf.all.rp_filter=0
      ip address add 10.5.0.14/24 dev eth0
      ip address add fd05::14/64 dev eth0 nodad
      ip link set eth0 up
      ip route add default via 10.5.0.1
      ip -6 route add default via fd05::1`);
    router.run('ip route add 10.9.0.0/16 via 10.5.0.14; ip -6 route add fd09::/64 via fd05::14');
  }

  #server(host: Host, addresses: Server['addresses']): Server {
    host.run(`sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2 net.ipv6.ip_nonlocal_bind=1
      ip address add ${VIRTUAL[4]}/32 dev lo
      ip address add ${VIRTUAL[6]}/128 dev lo nodad
      ip route add local 10.9.0.0/16 dev lo
      ip -6 route add local fd09::/64 dev lo`);
    return { host, program: host.program(), addresses };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.#hosts) await host[Symbol.asyncDispose]();
    shell('ip link delete n0 || true');
  }
}
