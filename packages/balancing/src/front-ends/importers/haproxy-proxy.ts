import { SOURCE_KEY } from '../../flow-key.js';
import { DEFAULT_HTTP_CHECK } from '../../resources/defaults.js';
import type { HttpCheck, Listener, Pool } from '../../resources/model.js';
import type { Algorithm } from '../../selector.js';
import { readEndpoint, readTimeMs } from './endpoint.js';
import { type Section, type Statement, statementText } from './haproxy-text.js';
import type { Draft } from './imported.js';

const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map<string, Algorithm>([
  ['roundrobin', 'round-robin'],
  ['static-rr', 'round-robin'],
  ['leastconn', 'least-connections'],
  ['source', 'source-hash'],
  ['random', 'random'],
]);

/** A frontend, a backend, or both in one. */
export interface HaproxyProxy {
  readonly section: Section;
  readonly name: string;
  readonly binds: Statement[];
  readonly servers: Statement[];
  defaultServer: string[];
  backend: string | null;
  algorithm: Algorithm;
  /** Null: no `option httpchk`. */
  http: HttpCheck | null;
  statuses: HttpCheck['statuses'];
  checkTimeoutMs: number | null;
  connectMs: number | null;
  readonly idleMs: number[];
  connections: number | null;
  affinity: Pool['affinity'];
  clientAddress: Listener['clientAddress'];
  sourceAddresses: string[];
}

/** Reads a section with the defaults that it has; null if it is no proxy of mode tcp, which is listed. */
export function readProxy(section: Section, defaults: readonly Statement[], draft: Draft): HaproxyProxy | null {
  const proxy: HaproxyProxy = {
    ...{ section, name: section.words[1] ?? '', binds: [], servers: [], defaultServer: [], backend: null },
    ...{
      algorithm: 'round-robin',
      http: null,
      statuses: DEFAULT_HTTP_CHECK.statuses,
      checkTimeoutMs: null,
      connectMs: null,
      idleMs: [],
      connections: null,
    },
    ...{ affinity: null, clientAddress: 'translate', sourceAddresses: [] },
  };
  const all = [...defaults, ...section.statements];
  const mode = all.findLast(({ words }) => words[0] === 'mode')?.words[1] ?? 'tcp';
  if (mode !== 'tcp') {
    draft.omit(section.line, statementText(section), `has mode ${mode}: only tcp is known here`);
    return null;
  }
  if (section.statements.some(({ words }) => words[0] === 'disabled')) {
    draft.omit(section.line, statementText(section), 'is disabled');
    return null;
  }
  for (const statement of all) readStatement(statement, proxy, draft);
  return proxy;
}

function readStatement(statement: Statement, proxy: HaproxyProxy, draft: Draft): void {
  const [keyword = '', ...args] = statement.words;
  const omit = (reason = 'has no counterpart on this layer') =>
    draft.omit(statement.line, statementText(statement), reason);
  if (keyword === 'bind') proxy.binds.push(statement);
  else if (keyword === 'server') proxy.servers.push(statement);
  else if (keyword === 'default-server') proxy.defaultServer = [...proxy.defaultServer, ...args];
  else if (keyword === 'default_backend') proxy.backend = args[0] ?? null;
  else if (keyword === 'use_backend' && args.length === 1) proxy.backend = args[0]!;
  else if (keyword === 'use_backend') omit('depends on a condition, and a listener has one pool');
  else if (keyword === 'balance') readBalance(args, proxy, omit);
  else if (keyword === 'timeout') readTimeout(args, proxy, omit);
  else if (keyword === 'option' && args[0] === 'httpchk') readHttpCheck(args, proxy, omit);
  else if (keyword === 'http-check') readHttpExpectation(args, proxy, omit);
  else if (keyword === 'maxconn') proxy.connections = Number(args[0]);
  else if (keyword === 'stick-table') readStickTable(args, proxy, omit);
  else if (keyword === 'source') readSource(args, proxy, omit);
  else if (!isKnown(keyword, args)) omit();
}

/** What holds here without being said. */
function isKnown(keyword: string, args: readonly string[]): boolean {
  if (keyword === 'option') return ['tcp-check', 'redispatch', 'tcpka', 'clitcpka', 'srvtcpka'].includes(args[0] ?? '');
  return keyword === 'mode' || keyword === 'enabled' || keyword === 'description' || isStickOnSource(keyword, args);
}

/** `stick on src`: clients stay with their server. */
export function isStickOnSource(keyword: string, args: readonly string[]): boolean {
  return keyword === 'stick' && args.length === 2 && args[0] === 'on' && args[1] === 'src';
}

type Omit = (reason?: string) => void;

function readBalance([method = '']: readonly string[], proxy: HaproxyProxy, omit: Omit): void {
  const algorithm = ALGORITHMS.get(method.replace(/\(.*\)$/, ''));
  proxy.algorithm = algorithm ?? 'round-robin';
  if (algorithm === undefined) omit('is not known here: round-robin stands in');
}

function readTimeout([kind, text = '']: readonly string[], proxy: HaproxyProxy, omit: Omit): void {
  const timeMs = readTimeMs(text, 'ms');
  if (timeMs === null) omit('is no time');
  else if (kind === 'check') proxy.checkTimeoutMs = timeMs;
  else if (kind === 'connect' && timeMs >= 1_000) proxy.connectMs = timeMs;
  else if ((kind === 'client' || kind === 'server') && timeMs >= 1_000) proxy.idleMs.push(timeMs);
  else if (kind === 'connect' || kind === 'client' || kind === 'server')
    omit('is below a second, which the kernel does not count');
  else omit();
}

function readHttpCheck([, ...args]: readonly string[], proxy: HaproxyProxy, omit: Omit): void {
  const [method, path] = args.length === 1 ? ['OPTIONS', args[0]!] : [args[0] ?? 'OPTIONS', args[1] ?? '/'];
  proxy.http = { ...DEFAULT_HTTP_CHECK, method: method === 'HEAD' ? 'HEAD' : 'GET', path };
  if (method !== 'HEAD' && method !== 'GET') omit(`is done by GET instead of ${method}`);
}

function readHttpExpectation(args: readonly string[], proxy: HaproxyProxy, omit: Omit): void {
  const [action, kind, value = ''] = args;
  const ranges = value.split(',').map((text) => /^(\d{3})(?:-(\d{3}))?$/.exec(text));
  const isStatus = action === 'expect' && kind === 'status' && args.length === 3;
  if (!isStatus || ranges.some((range) => range === null)) omit('is a check that has no counterpart');
  else proxy.statuses = ranges.map((range) => [Number(range![1]), Number(range![2] ?? range![1])]);
}

/** A table by source address, from which `stick on src` takes the server. */
function readStickTable(args: readonly string[], proxy: HaproxyProxy, omit: Omit): void {
  const after = (key: string) => args[args.indexOf(key) + 1] ?? '';
  if (!args.includes('type') || !/^ipv?6?$/.test(after('type')) || args.includes('store')) {
    omit();
    return;
  }
  const expiryMs = args.includes('expire') ? readTimeMs(after('expire'), 'ms') : null;
  const size = /^(\d+)([km]?)$/.exec(args.includes('size') ? after('size') : '');
  const entries = Number(size?.[1] ?? 65_536) * (size?.[2] === 'm' ? 1_048_576 : size?.[2] === 'k' ? 1_024 : 1);
  proxy.affinity = {
    key: SOURCE_KEY,
    ttlMs: Math.min(expiryMs ?? 86_400_000, 86_400_000),
    entriesMax: Math.min(entries, 1_048_576),
  };
}

function readSource(args: readonly string[], proxy: HaproxyProxy, omit: Omit): void {
  const endpoint = readEndpoint(args[0] ?? '');
  if (args.includes('usesrc')) proxy.clientAddress = 'keep';
  else if (endpoint !== null && endpoint.host !== '' && args.length === 1) proxy.sourceAddresses = [endpoint.host];
  else omit();
}
