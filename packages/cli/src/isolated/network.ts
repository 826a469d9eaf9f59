import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** A host in a network namespace of its own, joined to ours by one link. */
export interface IsolatedHost {
  readonly name: string;
  /** Address of our end of the link, which relays listen on. */
  readonly gateway: { readonly ipv4: string; readonly ipv6: string };
  /** The host's own address. */
  readonly address: { readonly ipv4: string; readonly ipv6: string };
  /** The command and leading arguments that run a program on the host. */
  readonly enter: readonly string[];
}

/**
 * Namespaces and links. It lives inside a network namespace that was made for it, so that whatever happens
 * nothing of it reaches the machine's own network, and everything goes away with the last process.
 */
export class IsolatedNetwork implements Disposable {
  readonly hosts: IsolatedHost[] = [];
  readonly #holders: ChildProcess[] = [];

  constructor() {
    ip('link', 'set', 'lo', 'up');
  }

  /** Makes a namespace with a link to ours; our end is the PoP's default gateway. */
  async addHost(name: string): Promise<IsolatedHost> {
    const index = this.hosts.length + 1;
    // A namespace lives as long as a process in it: this one does nothing else.
    const holder = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
    await once(holder, 'spawn');
    this.#holders.push(holder);
    const pid = await namespaceOf(holder);
    const host: IsolatedHost = {
      name,
      gateway: { ipv4: `10.77.${index}.1`, ipv6: `fd77:${index}::1` },
      address: { ipv4: `10.77.${index}.2`, ipv6: `fd77:${index}::2` },
      enter: ['nsenter', `--net=/proc/${pid}/ns/net`],
    };
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
    addAddresses([], name, host.gateway);
    addAddresses(host.enter, 'eth0', host.address);
    run([...host.enter, 'ip', 'link', 'set', 'lo', 'up']);
    run([...host.enter, 'ip', 'route', 'add', 'default', 'via', host.gateway.ipv4]);
    run([...host.enter, 'ip', '-6', 'route', 'add', 'default', 'via', host.gateway.ipv6]);
    await linkIsUp(host);
    this.hosts.push(host);
    return host;
  }

  /** Makes an address of the outside world ours, so that packets can be sent from it. */
  addOutsideAddress(address: string): void {
    ip('address', 'add', `${address}/${address.includes(':') ? 128 : 32}`, 'dev', 'lo', ...nodad(address));
  }

  [Symbol.dispose](): void {
    for (const holder of this.#holders) holder.kill('SIGKILL');
  }
}

function addAddresses(enter: readonly string[], device: string, address: { ipv4: string; ipv6: string }): void {
  // Duplicate address detection takes a second, and there is nobody to collide with.
  run([...enter, 'sh', '-c', `echo 0 > /proc/sys/net/ipv6/conf/${device}/accept_dad`]);
  run([...enter, 'ip', 'address', 'add', `${address.ipv4}/24`, 'dev', device]);
  run([...enter, 'ip', 'address', 'add', `${address.ipv6}/64`, 'dev', device, ...nodad(address.ipv6)]);
  run([...enter, 'ip', 'link', 'set', device, 'up']);
}

function nodad(address: string): string[] {
  return address.includes(':') ? ['nodad'] : [];
}

/**
 * Waits until the host's end takes part in neighbour discovery, some 100 ms after the link is up: a solicitation that is
 * sent before is lost, and repeated only after a second.
 */
async function linkIsUp(host: IsolatedHost): Promise<void> {
  for (let turn = 0; turn < 300; turn++) {
    const routes = run([...host.enter, 'ip', '-6', 'route', 'show', 'table', 'local', 'dev', 'eth0']);
    if (routes.includes('multicast ff00::/8')) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`the link to ${host.name} did not come up within 3 s`);
}

/** Waits until the holder is in a namespace other than ours: `unshare` needs a moment after the spawn. */
async function namespaceOf(holder: ChildProcess): Promise<number> {
  const pid = holder.pid;
  if (pid === undefined) throw new Error('unshare did not start');
  for (let turn = 0; turn < 1000; turn++) {
    if (holder.exitCode !== null) break;
    if (commandOf(pid) === 'sleep') return pid;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('a network namespace could not be made: unshare --net failed');
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

function ip(...args: string[]): void {
  run(['ip', ...args]);
}

function run([command = '', ...args]: readonly string[]): string {
  return execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}
