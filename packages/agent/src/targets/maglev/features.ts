import { access } from 'node:fs/promises';
import { xdpObstacle } from '@higgins/netlink';
import { NftError } from '../nft/errors.js';
import { runNft } from '../nft/nft-command.js';
import type { DesiredService } from './model.js';

/** A feature of the kernel, by the name that reports use. */
export type FeatureName =
  | 'destination-translation'
  | 'source-translation'
  | 'slot-maps'
  | 'connection-limits'
  | 'rate-limits'
  | 'flow-timeouts'
  | 'packet-copies'
  | 'ingress-hook'
  | 'own-addresses'
  | 'sctp'
  | 'xdp'
  | 'flowtable'
  | 'synproxy'
  | 'tproxy'
  | 'queue'
  | 'ipvs';

/** Whether this kernel has a feature, and what can't be had without it. */
export interface KernelFeature {
  readonly name: FeatureName;
  readonly present: boolean;
  /** For people; null where nothing of this product uses it. */
  readonly neededBy: string | null;
  /** What the kernel said; null if it is present. */
  readonly reason: string | null;
}

/** What each feature takes: a ruleset that is checked, not applied. */
const RULESETS: readonly { name: FeatureName; neededBy: string | null; ruleset: readonly string[] }[] = [
  feature('destination-translation', 'the data path nat', 'inet', [
    'chain a {',
    'type nat hook prerouting priority -100;',
    'meta l4proto tcp dnat ip to 192.0.2.1:80',
    'meta l4proto udp dnat ip6 to [2001:db8::1]:80',
    '}',
  ]),
  feature('source-translation', 'clientAddress: translate', 'inet', [
    'chain a {',
    'type nat hook postrouting priority 100;',
    'masquerade',
    '}',
  ]),
  feature('slot-maps', 'every data path of nftables', 'inet', [
    'map m {',
    'typeof numgen inc mod 4 : ct mark;',
    '}',
    'chain a {',
    'ct mark set jhash ip saddr mod 4 seed 1 map @m',
    'ct mark set numgen inc mod 4 map @m',
    '}',
  ]),
  feature('connection-limits', 'limits of open connections', 'inet', [
    'set m {',
    'type mark; size 8; flags dynamic;',
    '}',
    'chain a {',
    'add @m { ct mark ct count over 4 } drop',
    '}',
  ]),
  feature('rate-limits', 'limits of new connections per second', 'inet', ['limit l {', 'rate over 9/second;', '}']),
  feature('flow-timeouts', 'timeouts of a listener', 'inet', [
    'ct timeout t {',
    'protocol tcp; l3proto ip; policy = { established: 9 };',
    '}',
  ]),
  feature('packet-copies', 'mirroring', 'ip', [
    'chain a {',
    'type filter hook prerouting priority -150;',
    'dup to 192.0.2.1',
    '}',
  ]),
  feature('ingress-hook', 'the data path dsr-l2', 'netdev', [
    'chain a {',
    'type filter hook ingress device "lo" priority 0;',
    'ether daddr set 02:00:00:00:00:01 fwd to "lo"',
    'meta l4proto tcp reject with tcp reset',
    '}',
  ]),
  feature('own-addresses', 'targets without an address', 'inet', [
    'chain a {',
    'type filter hook prerouting priority 0;',
    'fib daddr type local accept',
    '}',
  ]),
  feature('flowtable', null, 'inet', ['flowtable f {', 'hook ingress priority 0; devices = { lo };', '}']),
  feature('synproxy', null, 'inet', ['chain a {', 'tcp dport 80 synproxy mss 1460 wscale 7', '}']),
  feature('tproxy', null, 'inet', [
    'chain a {',
    'type filter hook prerouting priority -150;',
    'meta l4proto tcp tproxy to :80',
    '}',
  ]),
  feature('queue', null, 'inet', ['chain a {', 'queue num 4', '}']),
];

/**
 * Asks the kernel of the network namespace for every feature; changes nothing.
 *
 * @throws NftError `nft-missing` or `not-permitted`
 */
export async function probeFeatures(): Promise<readonly KernelFeature[]> {
  const checked = await Promise.all(
    RULESETS.map(async ({ name, neededBy, ruleset }) => {
      const reason = await whyRefused(ruleset);
      return { name, neededBy, present: reason === null, reason };
    }),
  );
  const obstacle = xdpObstacle();
  return [
    ...checked,
    await file(
      'sctp',
      'listeners of SCTP',
      '/proc/sys/net/netfilter/nf_conntrack_sctp_timeout_established',
      'SCTP is not tracked',
    ),
    await file('ipvs', null, '/proc/net/ip_vs', "the kernel has no IPVS, or it isn't loaded"),
    { name: 'xdp', neededBy: 'acceleration', present: obstacle === null, reason: obstacle },
  ];
}

/** The features that a service takes. */
export function featuresOf(service: DesiredService): FeatureName[] {
  const { dataPath, source, connectionsPerMember, connections, connectionsPerSecond, connectMs, idleMs } = service;
  const needed: readonly (readonly [FeatureName, boolean])[] = [
    ['slot-maps', true],
    ['destination-translation', dataPath === 'nat'],
    ['ingress-hook', dataPath === 'dsr-l2'],
    ['source-translation', source !== 'keep'],
    ['connection-limits', connectionsPerMember !== null || connections !== null],
    ['rate-limits', connectionsPerSecond !== null],
    ['flow-timeouts', connectMs !== null || idleMs !== null],
    ['packet-copies', service.mirror !== null],
    ['own-addresses', service.addresses.length === 0],
    ['sctp', service.protocol === 'sctp'],
    ['xdp', service.acceleration === 'require'],
  ];
  return needed.filter(([, isNeeded]) => isNeeded).map(([name]) => name);
}

/** Why a service can't be had with these features; null if it can. */
export function missingFeature(service: DesiredService, features: readonly KernelFeature[]): string | null {
  const needed = new Set(featuresOf(service));
  const missing = features.find(({ name, present }) => !present && needed.has(name));
  return missing ? `this kernel lacks ${missing.name} (${missing.reason}), which ${missing.neededBy} takes` : null;
}

function feature(name: FeatureName, neededBy: string | null, family: string, body: readonly string[]) {
  return { name, neededBy, ruleset: [`table ${family} higgins_probe {`, ...body, '}'] };
}

async function whyRefused(ruleset: readonly string[]): Promise<string | null> {
  try {
    await runNft(['-c', '-f', '-'], `${ruleset.join('\n')}\n`);
    return null;
  } catch (error) {
    if (error instanceof NftError && error.code === 'refused') return error.message.split('\n')[0]!;
    throw error;
  }
}

async function file(name: FeatureName, neededBy: string | null, path: string, absence: string): Promise<KernelFeature> {
  const present = await access(path).then(
    () => true,
    () => false,
  );
  return { name, neededBy, present, reason: present ? null : absence };
}
