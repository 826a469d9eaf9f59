import { DEFAULTS, defaultBurst, LOCAL_OWNER } from '../../resources/defaults.js';
import type { Listener, LoadBalancer, Pool } from '../../resources/model.js';
import { ResourceError, refusal } from '../../resources/problem.js';
import { checkShape } from '../../resources/shape.js';
import type { Translation, ValidationOptions } from '../../resources/validate.js';
import type { Algorithm } from '../../selector.js';
import { at, type Location, Origins } from '../origins.js';
import { type LobbyGroup, type LobbyTarget, lobbySchema } from './schema.js';
import { memberOf } from './upstream.js';

/** Name of the one load balancer that a file amounts to. */
export const LOBBY_NAME = 'lobby';

const ALGORITHMS: Readonly<Record<LobbyGroup['distribution'], Algorithm>> = {
  'round-robin': 'round-robin',
  weighted: 'weighted-round-robin',
  random: 'random',
  'ip-src-hash-based': 'source-hash',
  'least-latency': 'least-latency',
  'least-connections': 'least-connections',
  maglev: 'maglev',
};

const LISTENER_FIELDS = {
  name: ['name'],
  protocol: ['protocol'],
  port: ['port'],
  addresses: ['ip'],
  interfaces: ['interface'],
  dataPath: ['mode'],
  acceleration: ['acceleration'],
  clientAddress: ['client_address'],
  sourceAddresses: ['source_address'],
  'allow.prefixes': ['allow'],
  'allow.track': ['allow', 'list'],
  'block.prefixes': ['block'],
  'block.track': ['block', 'list'],
  mirror: ['mirror'],
  localTraffic: ['local'],
  'limits.connectionsPerMember': ['rate_limit', 'connections_per_upstream'],
  'limits.connectionsPerSecond': ['rate_limit', 'new_connections'],
  'limits.burst': ['rate_limit', 'burst'],
  'limits.connections': ['rate_limit', 'connections'],
  'timeouts.connectMs': ['timeouts', 'connect'],
  'timeouts.idleMs': ['timeouts', 'idle'],
  'timeouts.onIdle': ['timeouts', 'on_idle'],
};

const POOL_FIELDS = {
  name: ['upstream_group', 'name'],
  algorithm: ['upstream_group', 'distribution'],
  proxyProtocol: ['proxy_protocol'],
  members: ['upstream_group', 'upstreams'],
  affinity: ['upstream_group', 'persistence'],
  'affinity.entriesMax': ['upstream_group', 'persistence', 'clients_max'],
  'passiveCheck.consecutiveFailures': ['upstream_group', 'passive_check', 'consecutive_failures'],
  'passiveCheck.maxEjectionPercent': ['upstream_group', 'passive_check', 'max_ejection_percent'],
};

/**
 * Reads a file of Lobby's form (root key `lb`), parsed. The file is one load balancer on all addresses of the host; each
 * target is a listener with a pool of its own.
 *
 * @throws ResourceError with everything that is wrong, in the words of the file.
 */
export function readLobby(value: unknown, options: ValidationOptions = {}): Translation {
  const result = checkShape(lobbySchema, value);
  if (!result.ok) throw new ResourceError(result.problems);
  const { lb } = result.value;
  const origins = new Origins();
  for (const index of lb.keys()) {
    if (index === 0) continue;
    const expected = 'an engine that the file does not have yet: all targets of an engine stand in one entry';
    origins.refuse({ document: 0, path: ['lb', index, 'engine'] }, refusal(lb[index]!.engine, expected));
  }
  const targets = lb.flatMap((engine, index) =>
    engine.targets.map((target, position) => ({
      target,
      place: { document: 0, path: ['lb', index, 'targets', position] },
    })),
  );
  refuseRepeatedUpstreams(targets, origins);
  const loadBalancer: LoadBalancer = {
    ...{ owner: LOCAL_OWNER, name: LOBBY_NAME, frontEnd: 'lobby', addresses: [], seed: null, announcement: null },
    chainPriority: lb[0]!.priority ?? DEFAULTS.lobby.chainPriority,
    listeners: targets.map(({ target, place }) => listenerOf(target, place, origins)),
    pools: targets.map(({ target, place }) => poolOf(target, place, origins)),
  };
  origins.place(
    loadBalancer,
    { document: 0, path: ['lb', 0] },
    {
      chainPriority: ['priority'],
      listeners: ['targets'],
      pools: ['targets'],
    },
  );
  return origins.finish({ loadBalancers: [loadBalancer] }, options);
}

interface Located {
  readonly target: LobbyTarget;
  readonly place: Location;
}

/** Names of upstreams are unique in the file, not only in their group: events and commands name an upstream alone. */
function refuseRepeatedUpstreams(targets: readonly Located[], origins: Origins): void {
  const seen = new Set<string>();
  for (const { target, place } of targets) {
    for (const [index, { name }] of target.upstream_group.upstreams.entries()) {
      const field = at(place, 'upstream_group', 'upstreams', index, 'name');
      if (seen.has(name)) origins.refuse(field, refusal(name, 'a name that no other upstream of the file has'));
      seen.add(name);
    }
  }
}

function listenerOf(target: LobbyTarget, place: Location, origins: Origins): Listener {
  const { protocol, rate_limit: limits, timeouts, upstream_group: group } = target;
  if (protocol === 'http') {
    const reason = 'balancing single requests needs the proxy data path, which this version does not have';
    origins.refuse(at(place, 'protocol'), refusal(protocol, `tcp, udp or sctp: ${reason}`));
  }
  const translates = target.mode === 'nat' ? DEFAULTS.lobby.listener.clientAddress : 'keep';
  const listener: Listener = {
    ...{ name: target.name, dsrCheck: DEFAULTS.lobby.listener.dsrCheck },
    protocol: protocol === 'http' ? 'tcp' : protocol,
    ...{ port: target.port, addresses: target.ip, interfaces: target.interface },
    ...{ dataPath: target.mode, acceleration: target.acceleration },
    rules: [{ match: null, pool: group.name }],
    limits: {
      connectionsPerMember: limits.connections_per_upstream,
      connectionsPerSecond: limits.new_connections,
      burst: limits.burst ?? defaultBurst(limits.new_connections),
      connections: limits.connections,
    },
    timeouts: {
      connectMs: milliseconds(timeouts.connect),
      idleMs: milliseconds(timeouts.idle),
      onIdle: timeouts.on_idle,
      memberConnectMs: null,
    },
    clientAddress: target.client_address ?? translates,
    ...{ sourceAddresses: target.source_address, allow: target.allow, block: target.block },
    ...{ mirror: target.mirror, localTraffic: target.local },
  };
  return origins.place(listener, place, LISTENER_FIELDS);
}

function poolOf(target: LobbyTarget, place: Location, origins: Origins): Pool {
  const group = target.upstream_group;
  const { persistence, passive_check: passive } = group;
  const pool: Pool = {
    ...DEFAULTS.lobby.pool,
    ...{ name: group.name, algorithm: ALGORITHMS[group.distribution], proxyProtocol: target.proxy_protocol },
    affinity: persistence && {
      key: { fields: ['source-address'] },
      ttlMs: persistence.ttl * 1_000,
      entriesMax: persistence.clients_max,
    },
    passiveCheck: passive && {
      ...DEFAULTS.lobby.passiveCheck,
      consecutiveFailures: passive.consecutive_failures,
      ejectionMs: passive.ejection_time * 1_000,
      ejectionMsMax: passive.ejection_time * 10_000,
      maxEjectionPercent: passive.max_ejection_percent,
    },
    slowStartMs: group.slow_start * 1_000,
    whenNoneHealthy: group.when_none_available === 'open' ? 'fail-open' : 'reject',
    drainMs: milliseconds(group.drain_time),
    members: group.upstreams.map((upstream, index) =>
      memberOf(upstream, target.protocol, at(place, 'upstream_group', 'upstreams', index), origins),
    ),
  };
  return origins.place(pool, place, POOL_FIELDS);
}

function milliseconds(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1_000;
}
