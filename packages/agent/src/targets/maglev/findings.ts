import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { probeObstacle } from '@higgins/netlink';
import { reasonOf } from '../../reason.js';
import { NftError } from '../nft/errors.js';
import { runNft } from '../nft/nft-command.js';
import { type KernelFeature, probeFeatures } from './features.js';

/** Something about the node that keeps the balancer from its work, or part of it. Nothing of it is changed by itself. */
export interface KernelFinding {
  /** `fatal`: nothing can be balanced. */
  readonly severity: 'fatal' | 'warning';
  /** The setting, right or chain that it is about. */
  readonly about: string;
  /** What goes wrong. */
  readonly message: string;
  /** What an operator does about it. */
  readonly remedy: string;
}

/** What the node's kernel has and how it is set. */
export interface KernelReport {
  /** Empty if nothing could be asked for lack of a right. */
  readonly features: readonly KernelFeature[];
  readonly findings: readonly KernelFinding[];
}

/** Flows that a node should be able to track, below which a warning is due; the kernel takes some 320 bytes for each. */
const FLOWS_MIN = 65_536;
const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13 } as const;

/**
 * Looks at rights, features and settings of the network namespace. Changes nothing and never rejects. `proc` and `obstacle`
 * (why packets of one's own can't be sent) for tests.
 */
export async function probeKernel(proc = '/proc', obstacle = probeObstacle()): Promise<KernelReport> {
  const rights = await rightsMissing(proc, obstacle);
  const settings = await settingsWrong(proc);
  try {
    const features = await probeFeatures();
    return { features, findings: [...rights, ...settings, ...(await droppingChains())] };
  } catch (error) {
    return { features: [], findings: [...withFatal(rights, error), ...settings] };
  }
}

function withFatal(rights: readonly KernelFinding[], error: unknown): KernelFinding[] {
  if (rights.some(({ severity }) => severity === 'fatal')) return [...rights];
  const message = reasonOf(error);
  const missing = error instanceof NftError && error.code === 'nft-missing';
  const remedy = missing
    ? 'install the package nftables'
    : 'see that the kernel has nf_tables and the service its rights';
  return [...rights, { severity: 'fatal', about: 'nft', message, remedy }];
}

async function rightsMissing(proc: string, obstacle: string | null): Promise<KernelFinding[]> {
  const status = (await read(join(proc, 'self/status'))) ?? '';
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? 'ffffffffffffffff'}`);
  const has = (name: keyof typeof CAPABILITIES) => (effective >> BigInt(CAPABILITIES[name])) & 1n;
  const findings: KernelFinding[] = [];
  if (!has('CAP_NET_ADMIN')) {
    const message = 'the process may not change the ruleset';
    findings.push({ severity: 'fatal', about: 'CAP_NET_ADMIN', message, remedy: remedyFor('CAP_NET_ADMIN') });
  }
  if (!has('CAP_NET_RAW')) {
    const message =
      "members of direct server return can't be looked at before they get packets, and check types of the operator that send packets of their own kind will fail";
    findings.push({ severity: 'warning', about: 'CAP_NET_RAW', message, remedy: remedyFor('CAP_NET_RAW') });
  } else if (obstacle !== null) {
    const message = `members of direct server return can't be looked at before they get packets: ${obstacle}`;
    const remedy = 'let its service have RestrictAddressFamilies=AF_PACKET';
    findings.push({ severity: 'warning', about: 'packet sockets', message, remedy });
  }
  return findings;
}

async function settingsWrong(proc: string): Promise<KernelFinding[]> {
  const value = async (path: string) => Number((await read(join(proc, 'sys/net', path))) ?? Number.NaN);
  const findings: KernelFinding[] = [];
  const warn = (about: string, message: string, setting: string) => {
    findings.push({ severity: 'warning', about, message, remedy: `sysctl -w ${setting}` });
  };
  for (const [path, name, family] of [
    ['ipv4/ip_forward', 'net.ipv4.ip_forward', 'IPv4'],
    ['ipv6/conf/all/forwarding', 'net.ipv6.conf.all.forwarding', 'IPv6'],
  ] as const) {
    if ((await value(path)) === 0)
      warn(name, `${family} packets are not forwarded to members on other hosts`, `${name}=1`);
  }
  for (const device of await devicesWith(proc, 'rp_filter', 1)) {
    const message = `packets that come in by ${device} are dropped where the way back is another one, as with direct server return`;
    warn(`net.ipv4.conf.${device}.rp_filter`, message, `net.ipv4.conf.${device}.rp_filter=2`);
  }
  for (const name of ['bridge-nf-call-iptables', 'bridge-nf-call-ip6tables']) {
    if ((await value(`bridge/${name}`)) !== 1) continue;
    warn(
      `net.bridge.${name}`,
      'if the node has a bridge, frames between its ports meet the rules of the balancer too',
      `net.bridge.${name}=0`,
    );
  }
  const flowsMax = await value('netfilter/nf_conntrack_max');
  if (flowsMax < FLOWS_MIN) {
    const message = `the node tracks ${flowsMax} flows at most, and drops what is above`;
    warn('net.netfilter.nf_conntrack_max', message, `net.netfilter.nf_conntrack_max=${4 * FLOWS_MIN}`);
  }
  return findings;
}

/** Devices whose setting has this value; where `all` has it, only that is named. */
async function devicesWith(proc: string, setting: string, value: number): Promise<string[]> {
  const directory = join(proc, 'sys/net/ipv4/conf');
  const devices = await readdir(directory).catch(() => []);
  const values = await Promise.all(devices.map((device) => read(join(directory, device, setting))));
  const having = devices.filter((_, index) => Number(values[index] ?? Number.NaN) === value);
  return having.includes('all') ? ['all'] : having.filter((device) => device !== 'default' && device !== 'lo');
}

interface JsonChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

/** Chains of others that drop what is forwarded unless a rule of theirs lets it pass. */
async function droppingChains(): Promise<KernelFinding[]> {
  const { nftables } = JSON.parse(await runNft(['-j', 'list', 'chains'])) as { nftables: { chain?: JsonChain }[] };
  const dropping = nftables.flatMap(({ chain }) =>
    chain?.hook === 'forward' && chain.policy === 'drop' ? [chain] : [],
  );
  return dropping.map(({ family, table, name }) => ({
    severity: 'warning',
    about: `chain ${family} ${table} ${name}`,
    message: 'drops forwarded packets unless a rule of its own lets them pass, those to members too',
    remedy: `nft insert rule ${family} ${table} ${name} ct status dnat accept`,
  }));
}

function remedyFor(capability: string): string {
  return `run it as root, or give its service AmbientCapabilities=${capability}`;
}

async function read(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
