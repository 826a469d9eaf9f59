import type { OutlierSettings } from '../health/settings.js';
import type { ActiveCheck, FrontEnd, HttpCheck, Listener, Member, Pool, TlsCheck } from './model.js';

/** What a front end fills in where its document is silent. */
export interface Defaults {
  readonly chainPriority: number;
  readonly listener: Omit<Listener, 'name' | 'protocol' | 'port' | 'rules'>;
  readonly pool: Omit<Pool, 'name' | 'members'>;
  readonly member: Omit<Member, 'name' | 'host' | 'port'>;
  /** Of a check that is asked for; `http` and `tls` are filled in by its type. */
  readonly check: Omit<ActiveCheck, 'type' | 'http' | 'tls'>;
  readonly passiveCheck: OutlierSettings;
}

/** Owner of a host's own file, who is under no quota. */
export const LOCAL_OWNER = 'local';

/** What a check sends and expects where nothing else is given: `GET /`, and neither an error nor a missing page. */
export const DEFAULT_HTTP_CHECK: HttpCheck = { method: 'GET', path: '/', host: null, statuses: [[200, 399]] };

/** Certificates are verified against the name that was asked for. */
export const DEFAULT_TLS_CHECK: TlsCheck = { verify: true, serverName: null };

const CORE: Defaults = {
  chainPriority: -100,
  listener: {
    ...{ addresses: [], interfaces: [], dataPath: 'nat', acceleration: 'off', clientAddress: 'keep' },
    ...{ dsrCheck: 'enforce' },
    ...{ sourceAddresses: [], allow: null, block: null, mirror: null, localTraffic: false },
    limits: { connectionsPerMember: null, connectionsPerSecond: null, burst: defaultBurst(null), connections: null },
    timeouts: { connectMs: null, idleMs: null, onIdle: 'release', memberConnectMs: null },
  },
  pool: {
    ...{ algorithm: 'maglev', tableSize: null, affinity: null, activeCheck: null, passiveCheck: null },
    ...{ slowStartMs: 0, panicPercent: 0, whenNoneHealthy: 'reject', drainMs: null, proxyProtocol: null },
  },
  member: {
    ...{ weight: 1, priority: 0, admin: 'enabled', activeCheck: 'inherit' },
    resolution: { servers: [], ttlMs: null, members: 'one' },
  },
  check: { port: null, intervalMs: 10_000, timeoutMs: 5_000, rise: 2, fall: 3, startAvailable: true, udp: null },
  passiveCheck: {
    ...{ consecutiveFailures: 3, failureRate: null, slowRate: null, ejectionMs: 30_000, ejectionMsMax: 300_000 },
    ...{ maxEjectionPercent: 50, halfOpen: null },
  },
};

/**
 * The defaults of each front end. The core's own rejects when nobody serves and keeps the client's address. Lobby's takes
 * turns, translates the source and takes a member out at its first failed check. The Gateway API's lets everybody serve
 * when nobody is healthy.
 */
export const DEFAULTS: Readonly<Record<FrontEnd, Defaults>> = {
  core: CORE,
  lobby: {
    ...CORE,
    listener: { ...CORE.listener, clientAddress: 'translate' },
    pool: { ...CORE.pool, algorithm: 'round-robin' },
    member: { ...CORE.member, activeCheck: null },
    check: { ...CORE.check, fall: 1 },
  },
  'gateway-api': { ...CORE, pool: { ...CORE.pool, whenNoneHealthy: 'fail-open' } },
};

/** New connections at once above a rate unless told otherwise: those of a tenth of a second, and at least five. */
export function defaultBurst(connectionsPerSecond: number | null): number {
  return Math.max(5, Math.ceil((connectionsPerSecond ?? 0) / 10));
}

/** A check with the parts that its type needs, filled in with the defaults where they are not given. */
export function checkWithParts(check: ActiveCheck): ActiveCheck {
  const asksHttp = check.type === 'http' || check.type === 'https';
  const asksTls = check.type === 'https' || check.type === 'tls';
  return {
    ...check,
    http: asksHttp ? (check.http ?? DEFAULT_HTTP_CHECK) : check.http,
    tls: asksTls ? (check.tls ?? DEFAULT_TLS_CHECK) : check.tls,
  };
}
