import { SOURCE_KEY } from '../../flow-key.js';
import { checkWithParts, DEFAULTS, defaultBurst } from '../../resources/defaults.js';
import type { ActiveCheck, Listener, Pool } from '../../resources/model.js';
import { refusal } from '../../resources/problem.js';
import type { Algorithm } from '../../selector.js';
import { CHECK_PART_FIELDS } from '../check-parts.js';
import { at, type FieldNames, type Location, type Origins } from '../origins.js';
import type { PolicySpec } from './policy-schema.js';
import type { Resource } from './resources.js';

type Policy = Resource<PolicySpec>;

const ALGORITHMS: Readonly<Record<PolicySpec['algorithm'], Algorithm>> = {
  'round-robin': 'round-robin',
  'weighted-round-robin': 'weighted-round-robin',
  'least-connections': 'least-connections',
  'ip-hash': 'source-hash',
  random: 'random',
  maglev: 'maglev',
};

/** What a policy says of the listeners that it governs; without one, the defaults. */
export function listenerPart(policy: Policy | null): Omit<Listener, 'name' | 'protocol' | 'port' | 'rules'> {
  const defaults = DEFAULTS['gateway-api'].listener;
  if (policy === null) return defaults;
  const { connectionLimits: limits, timeouts, ...spec } = policy.spec;
  return {
    ...defaults,
    ...{ dataPath: spec.dataPath, acceleration: spec.acceleration, clientAddress: spec.clientAddress },
    ...{ dsrCheck: spec.dsrCheck, sourceAddresses: spec.sourceAddresses, allow: spec.allow, block: spec.block },
    limits: {
      connectionsPerMember: limits.maxConnectionsPerBackend,
      connectionsPerSecond: limits.connectionRateLimit,
      burst: limits.burst ?? defaultBurst(limits.connectionRateLimit),
      connections: limits.maxConnections,
    },
    timeouts: {
      connectMs: timeouts.connect,
      idleMs: timeouts.idle,
      onIdle: timeouts.onIdle,
      memberConnectMs: timeouts.backendConnect,
    },
  };
}

/** What a policy says of the pools behind its listeners; without one, the defaults. */
export function poolPart(policy: Policy | null, origins: Origins): Omit<Pool, 'name' | 'members'> {
  const defaults = DEFAULTS['gateway-api'].pool;
  if (policy === null) return defaults;
  const { sessionPersistence: persistence, passiveHealthCheck: passive, ...spec } = policy.spec;
  return {
    ...defaults,
    algorithm: ALGORITHMS[spec.algorithm],
    affinity: persistence.enabled
      ? { key: SOURCE_KEY, ttlMs: persistence.ttl, entriesMax: persistence.maxEntries }
      : null,
    activeCheck: checkOf(policy, origins),
    passiveCheck: passive && {
      ...DEFAULTS['gateway-api'].passiveCheck,
      consecutiveFailures: passive.consecutiveFailures,
      ejectionMs: passive.ejectionDuration,
      ejectionMsMax: 10 * passive.ejectionDuration,
      maxEjectionPercent: passive.maxEjectionPercent,
    },
    slowStartMs: spec.slowStart,
    whenNoneHealthy: spec.whenNoneHealthy === 'open' ? 'fail-open' : 'reject',
    drainMs: spec.drainTimeout,
    proxyProtocol: spec.proxyProtocol.enabled ? spec.proxyProtocol.version : null,
  };
}

/** Where the policy's fields of a listener stand. */
export function listenerFields(policy: Policy | null): FieldNames {
  return inSpec(policy, {
    dataPath: ['dataPath'],
    acceleration: ['acceleration'],
    dsrCheck: ['dsrCheck'],
    clientAddress: ['clientAddress'],
    sourceAddresses: ['sourceAddresses'],
    'allow.prefixes': ['allow'],
    'allow.track': ['allow', 'list'],
    'block.prefixes': ['block'],
    'block.track': ['block', 'list'],
    'limits.connectionsPerMember': ['connectionLimits', 'maxConnectionsPerBackend'],
    'limits.connectionsPerSecond': ['connectionLimits', 'connectionRateLimit'],
    'limits.burst': ['connectionLimits', 'burst'],
    'limits.connections': ['connectionLimits', 'maxConnections'],
    'timeouts.connectMs': ['timeouts', 'connect'],
    'timeouts.idleMs': ['timeouts', 'idle'],
    'timeouts.onIdle': ['timeouts', 'onIdle'],
    'timeouts.memberConnectMs': ['timeouts', 'backendConnect'],
  });
}

/** Where the policy's fields of a pool stand. */
export function poolFields(policy: Policy | null): FieldNames {
  return inSpec(policy, {
    algorithm: ['algorithm'],
    affinity: ['sessionPersistence'],
    'affinity.ttlMs': ['sessionPersistence', 'ttl'],
    'affinity.entriesMax': ['sessionPersistence', 'maxEntries'],
    'passiveCheck.consecutiveFailures': ['passiveHealthCheck', 'consecutiveFailures'],
    'passiveCheck.ejectionMs': ['passiveHealthCheck', 'ejectionDuration'],
    'passiveCheck.ejectionMsMax': ['passiveHealthCheck', 'ejectionDuration'],
    'passiveCheck.maxEjectionPercent': ['passiveHealthCheck', 'maxEjectionPercent'],
    slowStartMs: ['slowStart'],
    drainMs: ['drainTimeout'],
    proxyProtocol: ['proxyProtocol'],
  });
}

const CHECK_FIELDS = {
  ...{ type: ['protocol'], port: ['port'], intervalMs: ['interval'], timeoutMs: ['timeout'] },
  ...{ rise: ['healthyThreshold'], fall: ['unhealthyThreshold'], ...CHECK_PART_FIELDS },
};

function checkOf({ spec, place: root }: Policy, origins: Origins): ActiveCheck | null {
  const { activeHealthCheck: check } = spec;
  if (check === null) return null;
  const place = at(root, 'spec', 'activeHealthCheck');
  if ((check.protocol === 'custom') !== (check.type !== undefined)) {
    const expected =
      check.type === undefined ? 'a type that the operator registered' : 'none: the protocol is not custom';
    origins.refuse(at(place, 'type'), refusal(check.type, expected));
  }
  const result: ActiveCheck = checkWithParts({
    type: check.type ?? check.protocol.toLowerCase(),
    port: check.port,
    intervalMs: check.interval,
    timeoutMs: check.timeout ?? Math.min(DEFAULTS['gateway-api'].check.timeoutMs, check.interval),
    ...{ rise: check.healthyThreshold, fall: check.unhealthyThreshold, startAvailable: true },
    ...{ http: check.http, tls: check.tls && { ...check.tls, serverName: null }, udp: check.udp },
  });
  return origins.place(result, place, CHECK_FIELDS);
}

function inSpec(policy: Policy | null, fields: Readonly<Record<string, readonly string[]>>): FieldNames {
  if (policy === null) return {};
  const entries = Object.entries(fields).map(([field, path]): [string, Location] => [
    field,
    at(policy.place, 'spec', ...path),
  ]);
  return Object.fromEntries(entries);
}
