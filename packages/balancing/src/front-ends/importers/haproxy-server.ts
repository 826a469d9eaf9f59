import { checkWithParts } from '../../resources/defaults.js';
import type { ActiveCheck, Member } from '../../resources/model.js';
import { readEndpoint, readTimeMs } from './endpoint.js';
import { type Statement, statementText } from './haproxy-text.js';
import type { Draft } from './imported.js';

/** What servers of a proxy have in common, and what their checks are made of. */
export interface CheckBase {
  /** `tcp`, or `http` by `option httpchk`. */
  readonly type: string;
  readonly http: ActiveCheck['http'];
  /** `timeout check`, or null. */
  readonly timeoutMs: number | null;
}

/** A server, its address not resolved. */
export interface ImportedServer {
  readonly member: Member;
  readonly connectionsMax: number | null;
  readonly slowStartMs: number;
}

/** HAProxy's defaults of a check. */
const CHECK = { intervalMs: 2_000, rise: 2, fall: 3 };

/** Values and flags of a server, by name. */
type Parameters = Map<string, string>;

const VALUES = new Set(['weight', 'inter', 'rise', 'fall', 'port', 'maxconn', 'slowstart', 'sni', 'verify', 'ca-file']);
const FLAGS = new Set(['check', 'no-check', 'backup', 'disabled', 'enabled', 'check-ssl']);
/** What changes nothing here: names are always resolved while running, and the kernel keeps no connections ready. */
const HARMLESS = new Set(['init-addr', 'pool-max-conn', 'pool-purge-delay']);
const PARAMETERS_WITH_VALUE = new Set([
  ...['cookie', 'observe', 'on-error', 'on-marked-down', 'on-marked-up', 'error-limit', 'fastinter', 'downinter'],
  ...[
    'addr',
    'source',
    'track',
    'id',
    'check-send-proxy',
    'alpn',
    'crt',
    'minconn',
    'maxqueue',
    'agent-port',
    'agent-inter',
  ],
  ...HARMLESS,
]);

/** Reads a `server` line; `defaults` are the parameters of `default-server`. Null if it can't be reached here. */
export function readServer(
  statement: Statement,
  defaults: readonly string[],
  base: CheckBase,
  listenPort: number | null,
  draft: Draft,
): ImportedServer | null {
  const [, name = '', address = '', ...own] = statement.words;
  const endpoint = readEndpoint(address.replace(/^ipv[46]@/, ''));
  const port = endpoint?.port ?? listenPort;
  if (endpoint === null || endpoint.host === '' || port === null) {
    draft.omit(statement.line, statementText(statement), 'has no address or name with a port');
    return null;
  }
  const parameters: Parameters = new Map();
  readParameters(statement.line, [...defaults, ...own], parameters, draft);
  const number = (key: string, otherwise: number) => Number(parameters.get(key) ?? otherwise);
  const member: Member = {
    ...{ name, host: endpoint.host, port, weight: number('weight', 1), priority: parameters.has('backup') ? 1 : 0 },
    admin: parameters.has('disabled') ? 'disabled' : 'enabled',
    activeCheck: parameters.has('check') ? checkOf(parameters, base) : null,
    resolution: { servers: [], ttlMs: null, members: 'one' },
  };
  const maxconn = number('maxconn', 0);
  return {
    member,
    connectionsMax: maxconn > 0 ? maxconn : null,
    slowStartMs: readTimeMs(parameters.get('slowstart') ?? '0', 'ms') ?? 0,
  };
}

function readParameters(line: number, words: readonly string[], into: Parameters, draft: Draft): void {
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const takesValue = VALUES.has(word) || PARAMETERS_WITH_VALUE.has(word);
    const value = takesValue ? (words[++index] ?? '') : '';
    const text = takesValue ? `${word} ${value}` : word;
    if (word === 'no-check') into.delete('check');
    else if (word === 'enabled') into.delete('disabled');
    else if (VALUES.has(word) || FLAGS.has(word)) into.set(word, value);
    else if (word.startsWith('send-proxy')) {
      draft.omit(line, text, 'needs the proxy data path, which this version does not have');
    } else if (word === 'ssl') draft.omit(line, text, 'connections are passed through as clients make them');
    else if (!HARMLESS.has(word)) draft.omit(line, text, 'has no counterpart');
  }
}

function checkOf(parameters: Parameters, { type, http, timeoutMs }: CheckBase): ActiveCheck {
  const intervalMs = readTimeMs(parameters.get('inter') ?? '', 'ms') ?? CHECK.intervalMs;
  const port = parameters.get('port');
  const secure = parameters.has('check-ssl');
  return checkWithParts({
    type: secure ? (type === 'http' ? 'https' : 'tls') : type,
    port: port === undefined ? null : Number(port),
    ...{ intervalMs, timeoutMs: Math.min(timeoutMs ?? intervalMs, intervalMs), startAvailable: true },
    rise: Number(parameters.get('rise') ?? CHECK.rise),
    fall: Number(parameters.get('fall') ?? CHECK.fall),
    ...{ http, udp: null },
    tls: secure ? { verify: parameters.get('verify') !== 'none', serverName: parameters.get('sni') ?? null } : null,
  });
}
