import { SOURCE_KEY } from '../../flow-key.js';
import type { DataPath, Member, Pool, Protocol } from '../../resources/model.js';
import type { Algorithm } from '../../selector.js';
import { readEndpoint } from './endpoint.js';
import { Draft, type Imported } from './imported.js';

const SCHEDULERS: ReadonlyMap<string, Algorithm> = new Map<string, Algorithm>([
  ['rr', 'round-robin'],
  ['wrr', 'weighted-round-robin'],
  ['lc', 'least-connections'],
  ['wlc', 'least-connections'],
  ['sh', 'source-hash'],
  ['mh', 'source-hash'],
  ['sed', 'least-connections'],
  ['nq', 'least-connections'],
]);
const EXACT = new Set(['rr', 'wrr', 'lc', 'wlc', 'sh', 'mh']);

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  ...{ '-t': 'tcp', '--tcp-service': 'tcp', '-u': 'udp', '--udp-service': 'udp', '--sctp-service': 'sctp' },
};

const DATA_PATHS: Readonly<Record<string, DataPath>> = {
  ...{ '-m': 'nat', '--masquerading': 'nat', '-g': 'dsr-l2', '--gatewaying': 'dsr-l2' },
};

/** A virtual service and its real servers. */
interface Service {
  readonly line: number;
  readonly id: string;
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  readonly options: Words;
  readonly servers: { readonly line: number; readonly options: Words; readonly target: string }[];
}

/** Imports the output of `ipvsadm -S -n` (also `ipvsadm-save -n`). */
export function importIpvs(text: string): Imported {
  const draft = new Draft('ipvs');
  const services = new Map<string, Service>();
  for (const [index, content] of text.split('\n').entries()) {
    const words = content
      .trim()
      .replace(/^ipvsadm\s+/, '')
      .split(/\s+/);
    if (words[0] !== '' && !words[0]!.startsWith('#'))
      readLine(new Words(words), index + 1, content.trim(), services, draft);
  }
  for (const service of services.values()) addService(service, draft);
  return draft.finish();
}

/** The words of a line; what is taken is known, and the rest is to be listed. */
class Words {
  readonly #rest: string[];

  constructor(words: readonly string[]) {
    this.#rest = [...words];
  }

  /** Takes a flag. */
  flag(...names: readonly string[]): boolean {
    const index = this.#rest.findIndex((word) => names.includes(word));
    if (index >= 0) this.#rest.splice(index, 1);
    return index >= 0;
  }

  /** Takes an option and its value; null if it is absent, empty if it has no value. */
  value(...names: readonly string[]): string | null {
    const index = this.#rest.findIndex((word) => names.includes(word));
    if (index < 0) return null;
    const next = this.#rest[index + 1];
    const hasValue = next !== undefined && !next.startsWith('-');
    this.#rest.splice(index, hasValue ? 2 : 1);
    return hasValue ? next : '';
  }

  rest(): readonly string[] {
    return this.#rest;
  }
}

function readLine(words: Words, line: number, text: string, services: Map<string, Service>, draft: Draft): void {
  const adds = words.flag('-A', '--add-service');
  const addsServer = words.flag('-a', '--add-server');
  const kind = Object.keys(PROTOCOLS).find((option) => words.rest().includes(option));
  if (!adds && !addsServer) {
    draft.omit(line, text, 'is neither a service nor a server');
    return;
  }
  if (kind === undefined) {
    draft.omit(line, text, 'is a service by firewall mark: only address and port are matched');
    return;
  }
  const address = words.value(kind)!;
  const id = `${PROTOCOLS[kind]}/${address}`;
  const endpoint = readEndpoint(address);
  if (endpoint === null || endpoint.port === null) {
    draft.omit(line, text, 'has no address and port in numbers');
    return;
  }
  if (adds) {
    const { host, port } = endpoint;
    services.set(id, { line, id, protocol: PROTOCOLS[kind]!, address: host, port, options: words, servers: [] });
    return;
  }
  const service = services.get(id);
  if (service === undefined) {
    draft.omit(line, text, 'is a server of a service that is not there');
    return;
  }
  service.servers.push({ line, target: words.value('-r', '--real-server') ?? '', options: words });
}

function addService(service: Service, draft: Draft): void {
  const { line, id, protocol, port, address, options, servers } = service;
  const method = methodOf(service, draft);
  const affinity = affinityOf(options);
  const limits = new Set<number>();
  const members = servers.flatMap((server) => memberOf(server, service, method, limits, draft));
  draft.pool(line, { name: id, algorithm: algorithmOf(service, method, draft), affinity, members });
  const connectionsPerMember = limits.size === 1 ? [...limits][0]! : null;
  if (limits.size > 1) draft.omit(line, id, 'has thresholds that differ between servers: a listener has one for all');
  draft.listener(line, {
    ...{ name: id, pool: id, protocol, port, addresses: address === '' ? [] : [address], dataPath: method },
    limits: { connectionsPerMember, connectionsPerSecond: null, burst: 5, connections: null },
  });
  for (const word of options.rest()) draft.omit(line, word, 'has no counterpart');
}

/** All servers of a service are reached in the way of the first one. */
function methodOf({ servers }: Service, draft: Draft): DataPath {
  let method: DataPath | null = null;
  for (const { options, line, target } of servers) {
    const flag = Object.keys(DATA_PATHS).find((name) => options.flag(name));
    const own = flag === undefined ? null : DATA_PATHS[flag]!;
    if (own !== null) method ??= own;
    if (own !== null && own !== method)
      draft.omit(line, target, `is reached by ${flag}; here all of a service go by ${method}`);
  }
  return method ?? 'nat';
}

function algorithmOf({ line, options }: Service, method: DataPath, draft: Draft): Algorithm {
  const scheduler = options.value('-s', '--scheduler') ?? 'wlc';
  const flags = options.value('-b', '--sched-flags');
  const algorithm = SCHEDULERS.get(scheduler);
  if (algorithm === undefined) {
    draft.omit(line, `-s ${scheduler}`, 'is not known here: maglev stands in');
    return 'maglev';
  }
  if (flags !== null && (scheduler !== 'mh' || flags !== 'mh-port'))
    draft.omit(line, `-b ${flags}`, 'has no counterpart');
  if (scheduler === 'mh' && flags?.includes('mh-port')) return 'maglev';
  if (algorithm === 'least-connections' && method !== 'nat') {
    draft.omit(
      line,
      `-s ${scheduler}`,
      'needs tracked connections, which direct routing has not: weighted turns stand in',
    );
    return 'weighted-round-robin';
  }
  if (!EXACT.has(scheduler)) draft.omit(line, `-s ${scheduler}`, `is not known here: ${algorithm} stands in`);
  return algorithm;
}

function affinityOf(options: Words): Pool['affinity'] {
  const persistence = options.value('-p', '--persistent');
  const mask = options.value('-M', '--netmask');
  if (persistence === null) return null;
  const ttlMs = (persistence === '' ? 300 : Number(persistence)) * 1_000;
  const key = mask === null ? SOURCE_KEY : { ...SOURCE_KEY, sourcePrefixLength: lengthsOf(mask) };
  return { key, ttlMs, entriesMax: 65_536 };
}

/** A dotted mask for IPv4, or a length for IPv6. */
function lengthsOf(mask: string): { ipv4: number; ipv6: number } {
  if (!mask.includes('.')) return { ipv4: 32, ipv6: Number(mask) };
  const bits = mask.split('.').reduce((sum, octet) => sum + Number(octet).toString(2).replaceAll('0', '').length, 0);
  return { ipv4: bits, ipv6: 128 };
}

function memberOf(
  { line, options, target }: Service['servers'][number],
  { port }: Service,
  method: DataPath,
  limits: Set<number>,
  draft: Draft,
): Member[] {
  const endpoint = readEndpoint(target);
  const tunnelled = options.flag('-i', '--ipip');
  const weight = Number(options.value('-w', '--weight') ?? 1);
  const upper = Number(options.value('-x', '--u-threshold') ?? 0);
  const lower = options.value('-y', '--l-threshold');
  if (lower !== null && lower !== '0') draft.omit(line, `-y ${lower}`, 'has no counterpart');
  for (const word of options.rest()) draft.omit(line, word, 'has no counterpart');
  if (upper > 0) limits.add(upper);
  if (tunnelled) draft.omit(line, target, 'is reached through an IPIP tunnel, which is not known here');
  else if (endpoint === null || endpoint.host === '') draft.omit(line, target, 'is no address and port');
  if (endpoint === null || endpoint.host === '' || tunnelled) return [];
  const own = method === 'nat' ? (endpoint.port ?? port) : port;
  return [{ ...MEMBER, name: target, host: endpoint.host, port: own, weight }];
}

const MEMBER: Omit<Member, 'name' | 'host' | 'port' | 'weight'> = {
  ...{ priority: 0, admin: 'enabled', activeCheck: null },
  resolution: { servers: [], ttlMs: null, members: 'one' },
};
