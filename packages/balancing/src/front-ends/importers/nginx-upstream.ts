import type { Member, Pool } from '../../resources/model.js';
import type { Algorithm } from '../../selector.js';
import { readEndpoint, readTimeMs } from './endpoint.js';
import type { Draft } from './imported.js';
import { type Directive, directiveText } from './nginx-text.js';

/** Why most of what is left out is left out. */
export const NO_COUNTERPART = 'has no counterpart on this layer';

/** What nginx says of a server unless told otherwise; of a name it takes every address. */
export const NGINX_MEMBER: Omit<Member, 'name' | 'host' | 'port'> = {
  ...{ weight: 1, priority: 0, admin: 'enabled', activeCheck: null },
  resolution: { servers: [], ttlMs: null, members: 'all' },
};

/** nginx's defaults: one failure puts a server aside for ten seconds. */
const MAX_FAILS = 1;
const FAIL_TIMEOUT_MS = 10_000;

interface Upstream {
  algorithm: Algorithm;
  readonly members: Member[];
  readonly maxFails: Set<number>;
  readonly failTimeoutsMs: Set<number>;
  readonly limits: Set<number>;
}

/** Adds the pool that an `upstream` block is; `limits` gets the connections that each of its servers may have. */
export function addUpstream({ line, args, block }: Directive, limits: Map<string, number>, draft: Draft): void {
  const name = args[0] ?? '';
  const upstream: Upstream = {
    ...{ algorithm: 'round-robin', members: [], maxFails: new Set(), failTimeoutsMs: new Set(), limits: new Set() },
  };
  for (const directive of block ?? []) {
    if (directive.name === 'server') addMember(directive, upstream, draft);
    else readMethod(directive, upstream, draft);
  }
  if (upstream.maxFails.size > 1 || upstream.failTimeoutsMs.size > 1) {
    draft.omit(
      line,
      `upstream ${name}`,
      'has servers with different max_fails or fail_timeout: the first ones hold for all',
    );
  }
  if (upstream.limits.size > 1)
    draft.omit(line, `upstream ${name}`, 'has servers with different max_conns: no limit is set');
  const [limit = 0] = upstream.limits;
  if (upstream.limits.size === 1 && limit > 0) limits.set(name, limit);
  draft.pool(line, {
    name,
    algorithm: upstream.algorithm,
    passiveCheck: passiveOf(upstream),
    members: upstream.members,
  });
}

function passiveOf({ maxFails, failTimeoutsMs }: Upstream): Pool['passiveCheck'] {
  const [consecutiveFailures = MAX_FAILS] = maxFails;
  const [ejectionMs = FAIL_TIMEOUT_MS] = failTimeoutsMs;
  if (consecutiveFailures === 0) return null;
  const rates = { failureRate: null, slowRate: null, halfOpen: null };
  return { consecutiveFailures, ejectionMs, ejectionMsMax: ejectionMs, maxEjectionPercent: 100, ...rates };
}

function readMethod(directive: Directive, upstream: Upstream, draft: Draft): void {
  const { name, args, line } = directive;
  if (name === 'zone') return;
  if (name === 'least_conn') upstream.algorithm = 'least-connections';
  else if (name === 'random' && args.length === 0) upstream.algorithm = 'random';
  else if (name === 'hash' && /^\$(?:binary_)?remote_addr$/.test(args[0] ?? '')) upstream.algorithm = 'source-hash';
  else if (name === 'hash' || name === 'random') {
    upstream.algorithm = name === 'hash' ? 'maglev' : 'random';
    draft.omit(line, directiveText(directive), `is not known here: ${upstream.algorithm} stands in`);
  } else draft.omit(line, directiveText(directive), NO_COUNTERPART);
}

function addMember(directive: Directive, upstream: Upstream, draft: Draft): void {
  const { line, args } = directive;
  const [target = '', ...parameters] = args;
  const endpoint = readEndpoint(target);
  if (endpoint === null || endpoint.host === '' || endpoint.port === null) {
    draft.omit(line, directiveText(directive), 'is no address or name with a port');
    return;
  }
  let member: Member = { ...NGINX_MEMBER, name: target, host: endpoint.host, port: endpoint.port };
  let limit = 0;
  let maxFails = MAX_FAILS;
  let failTimeoutMs = FAIL_TIMEOUT_MS;
  for (const parameter of parameters) {
    const [key, value = ''] = parameter.split('=');
    const number = /^\d{1,9}$/.test(value) ? Number(value) : null;
    const time = readTimeMs(value, 's');
    if (key === 'weight' && number !== null) member = { ...member, weight: number };
    else if (key === 'backup') member = { ...member, priority: 1 };
    else if (key === 'down') member = { ...member, admin: 'disabled' };
    else if (key === 'max_conns' && number !== null) limit = number;
    else if (key === 'max_fails' && number !== null) maxFails = number;
    else if (key === 'fail_timeout' && time !== null) failTimeoutMs = time;
    else if (key !== 'resolve') draft.omit(line, parameter, NO_COUNTERPART);
  }
  upstream.limits.add(limit);
  upstream.maxFails.add(maxFails);
  upstream.failTimeoutsMs.add(failTimeoutMs);
  upstream.members.push(member);
}
