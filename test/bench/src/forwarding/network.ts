import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { PACKET_GENERATOR } from '../harness/paths.js';

export const VIP = '10.9.9.9';
export const PORT = 8080;
export const BACKENDS: readonly string[] = ['10.2.0.11', '10.2.0.12', '10.2.0.13', '10.2.0.14', '10.2.0.15'];
/** Device towards the client, and towards the backends. */
export const FRONT = 'front';
export const REAR = 'rear';
const NEAR_CLIENT = '10.1.0.1/16';
const FIRST_SOURCE = '10.1.1.0';
/** Packets are on their way to the last counter when the generator ends. */
const SETTLE_MS = 50;
/** Everything runs on one processor, so that its time is the measure. */
const PROCESSOR = String(cpus().length - 1);

/** What came of one burst. */
export interface Rate {
  /** Packets that reached a backend, per second of processor time of generator, balancer and backends together. */
  readonly perProcessorSecond: number;
  /** Share of the packets sent that arrived. */
  readonly delivered: number;
}

/**
 * A client and a backend with five addresses in namespaces of their own, and this one between them, which forwards. The
 * backend drops and counts at its device. Devices hand packets over as a card's driver does.
 */
export class ForwardingNetwork {
  readonly bpf: string;

  /** `directory` must be in a mount namespace of this process alone. */
  constructor(directory: string) {
    this.bpf = `${directory}/bpf`;
    mkdirSync(this.bpf);
    run('mount', '-t', 'bpf', 'bpf', this.bpf);
    run('mount', '-t', 'tmpfs', 'tmpfs', '/run');
    for (const name of ['client', 'backend']) ip('netns', 'add', name);
    ip('link', 'set', 'lo', 'up');
    wire(FRONT, 'client', [NEAR_CLIENT], ['10.1.0.2/16']);
    wire(
      REAR,
      'backend',
      ['10.2.0.1/24'],
      BACKENDS.map((address) => `${address}/24`),
    );
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    inside(
      'backend',
      'nft',
      'add table netdev sink; add chain netdev sink arriving { type filter hook ingress device "wire" priority 0; policy drop; }',
    );
    const [link] = JSON.parse(inside('backend', 'ip', '-j', 'link', 'show', 'wire')) as { address: string }[];
    for (const address of BACKENDS) ip('neigh', 'replace', address, 'lladdr', link!.address, 'dev', REAR);
  }

  /** Sends to a destination for a while. With more flows than packets, each packet is a new one. */
  async burst(destination: string, flows: number, milliseconds: number): Promise<Rate> {
    const [link] = JSON.parse(ip('-j', 'link', 'show', FRONT)) as { address: string }[];
    const [received, softly] = [packetsReceived(), softSeconds()];
    const order = ['wire', link!.address, FIRST_SOURCE, destination, PORT, flows, milliseconds].map(String);
    const { sent, processorSeconds } = JSON.parse(
      inside('client', 'taskset', '-c', PROCESSOR, PACKET_GENERATOR, ...order),
    ) as { sent: number; processorSeconds: number };
    await delay(SETTLE_MS);
    const arrived = packetsReceived() - received;
    const seconds = processorSeconds + softSeconds() - softly;
    return { perProcessorSecond: arrived / seconds, delivered: arrived / sent };
  }
}

export function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function ip(...args: readonly string[]): string {
  return run('ip', ...args);
}

function inside(name: string, ...command: readonly string[]): string {
  return run('nsenter', `--net=/run/netns/${name}`, ...command);
}

function wire(device: string, name: string, near: readonly string[], far: readonly string[]): void {
  ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'wire', 'netns', name);
  for (const address of near) ip('addr', 'add', address, 'dev', device);
  for (const address of far) ip('-n', name, 'addr', 'add', address, 'dev', 'wire');
  // Frames without socket buffers come in by the same way as a card's do.
  run('ethtool', '-K', device, 'gro', 'on');
  inside(name, 'ethtool', '-K', 'wire', 'gro', 'on');
  ip('link', 'set', device, 'up');
  ip('-n', name, 'link', 'set', 'wire', 'up');
}

function packetsReceived(): number {
  const [link] = JSON.parse(inside('backend', 'ip', '-s', '-j', 'link', 'show', 'wire')) as {
    stats64: { rx: { packets: number } };
  }[];
  return link!.stats64.rx.packets;
}

/** Processor time of the kernel's thread that goes on with packets when there are too many for the generator's time. */
function softSeconds(): number {
  const thread = softThread();
  return Number(readFileSync(`/proc/${thread}/schedstat`, 'utf8').split(' ', 1)[0]) / 1e9;
}

let found: string | undefined;

function softThread(): string {
  found ??= readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/comm`, 'utf8').trim() === `ksoftirqd/${PROCESSOR}`;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`ksoftirqd/${PROCESSOR} is not to be seen`);
  return found;
}
