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
  const proxy = emptyProxy(section);
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

function emptyProxy(section: Section): HaproxyProxy {
  return {
    section,
    name: section.words[1] ?? '',
    binds: [],
    servers: [],
    defaultServer: [],
    backend: null,
    algorithm: 'round-robin',
    http: null,
    statuses: DEFAULT_HTTP_CHECK.statuses,
    checkTimeoutMs: null,
    connectMs: null,
    idleMs: [],
    connections: null,
    affinity: null,
    clientAddress: 'translate',
    sourceAddresses: [],
  };
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
  else
    omit(
      ['connect', 'client', 'server'].includes(kind ?? '')
        ? 'is below a second, which the kernel does not count'
        : undefined,
    );
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

/** What a table may keep here: at most a day, and as many entries as a million. */
const STICKY_MS_MAX = 86_400_000;
const STICKY_ENTRIES_MAX = 1_048_576;
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['k', 1_024],
  ['m', 1_048_576],
  ['g', 1_073_741_824],
]);

/** A table by source address, from which `stick on src` takes the server. */
function readStickTable(args: readonly string[], proxy: HaproxyProxy, omit: Omit): void {
  const settings = new Map<string, string>();
  for (let index = 0; index < args.length; index += 2) settings.set(args[index]!, args[index + 1] ?? '');
  const isBySource = /^ip(?:v6)?$/.test(settings.get('type') ?? '');
  if (!isBySource || [...settings.keys()].some((key) => !['type', 'size', 'expire'].includes(key))) {
    omit();
    return;
  }
  const ttlMs = readTimeMs(settings.get('expire') ?? '', 'ms') ?? Number.POSITIVE_INFINITY;
  const size = /^(\d{1,12})([kmg]?)$/.exec((settings.get('size') ?? '').toLowerCase());
  const entries = Number(size?.[1] ?? 65_536) * (SIZE_UNITS.get(size?.[2] ?? '') ?? 1);
  proxy.affinity = {
    key: SOURCE_KEY,
    ttlMs: Math.min(ttlMs, STICKY_MS_MAX),
    entriesMax: Math.min(entries, STICKY_ENTRIES_MAX),
  };
  if (ttlMs > STICKY_MS_MAX) omit('is kept for a day');
  if (entries > STICKY_ENTRIES_MAX) omit(`is kept for ${STICKY_ENTRIES_MAX} clients`);
}

function readSource(args: readonly string[], proxy: HaproxyProxy, omit: Omit): void {
  const endpoint = readEndpoint(args[0] ?? '');
  if (args.includes('usesrc')) proxy.clientAddress = 'keep';
  else if (endpoint !== null && endpoint.host !== '' && args.length === 1) proxy.sourceAddresses = [endpoint.host];
  else omit();
}
