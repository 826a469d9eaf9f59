import { defaultBurst } from '../../resources/defaults.js';
import type { Listener } from '../../resources/model.js';
import { readEndpoint } from './endpoint.js';
import { type HaproxyProxy, isStickOnSource, readProxy } from './haproxy-proxy.js';
import { type ImportedServer, readServer } from './haproxy-server.js';
import { readSections, type Statement, statementText } from './haproxy-text.js';
import { Draft, type Imported } from './imported.js';

/** Parameters of `bind` that change nothing here. */
const HARMLESS = new Set(['v4v6', 'v6only', 'tfo', 'defer-accept', 'transparent']);

/** Imports the sections of an HAProxy configuration whose mode is tcp. */
export function importHaproxy(text: string): Imported {
  const draft = new Draft('haproxy');
  const defaults = new Map<string, readonly Statement[]>();
  let latest: readonly Statement[] = [];
  const proxies = new Map<string, HaproxyProxy>();
  const fronts: HaproxyProxy[] = [];
  for (const section of readSections(text)) {
    const [kind = ''] = section.words;
    const from = section.words[section.words.indexOf('from') + 1] ?? '';
    const inherited = section.words.includes('from') ? (defaults.get(from) ?? []) : latest;
    if (kind === 'defaults') {
      latest = section.words.includes('from') ? [...inherited, ...section.statements] : section.statements;
      defaults.set(section.words[1] ?? '', latest);
    } else if (kind === 'frontend' || kind === 'backend' || kind === 'listen') {
      const proxy = readProxy(section, inherited, draft);
      if (proxy === null) continue;
      if (kind !== 'backend') fronts.push(proxy);
      if (kind !== 'frontend') proxies.set(proxy.name, proxy);
    } else {
      const head = statementText(section) || statementText(section.statements[0]!);
      draft.omit(section.line, head, 'is no proxy: nothing of it is carried over');
    }
  }
  const places = new Map(fronts.map((front) => [front, front.binds.flatMap((bind) => placesOf(bind, draft))]));
  const servers = new Map([...proxies.values()].map((back) => [back, serversOf(back, places, draft)]));
  for (const [back, own] of servers) addPool(back, own, draft);
  for (const [front, own] of places) {
    const back = proxies.get(front.backend ?? front.name);
    if (back === undefined) {
      const reason = `leads to ${front.backend ?? 'nothing'}, of which nothing is left`;
      draft.omit(front.section.line, statementText(front.section), reason);
    } else addListeners(front, back, own, servers.get(back)!, draft);
  }
  return draft.finish();
}

/** A `bind` that is carried over. */
interface Place extends Pick<Listener, 'port' | 'addresses' | 'interfaces'> {
  readonly line: number;
}

/** A server without a port is reached at the port that clients used, if there is only one. */
function serversOf(
  back: HaproxyProxy,
  places: ReadonlyMap<HaproxyProxy, readonly Place[]>,
  draft: Draft,
): ImportedServer[] {
  const own = [...places].filter(([front]) => front === back || front.backend === back.name);
  const ports = new Set(own.flatMap(([, fronts]) => fronts.map(({ port }) => port)));
  const listenPort = ports.size === 1 ? [...ports][0]! : null;
  const http = back.http && { ...back.http, statuses: back.statuses };
  const base = { type: http === null ? 'tcp' : 'http', http, timeoutMs: back.checkTimeoutMs };
  return back.servers.flatMap((statement) => readServer(statement, back.defaultServer, base, listenPort, draft) ?? []);
}

function addPool(back: HaproxyProxy, servers: readonly ImportedServer[], draft: Draft): void {
  const { section, name, algorithm } = back;
  const slowStarts = new Set(servers.map(({ slowStartMs }) => slowStartMs));
  if (slowStarts.size > 1) {
    draft.omit(section.line, name, 'has servers with different slowstart: the longest holds for all');
  }
  const isSticky = section.statements.some(({ words: [keyword = '', ...args] }) => isStickOnSource(keyword, args));
  draft.pool(section.line, {
    ...{ name, algorithm, affinity: isSticky ? back.affinity : null, slowStartMs: Math.max(0, ...slowStarts) },
    members: servers.map(({ member }) => member),
  });
}

function addListeners(
  front: HaproxyProxy,
  back: HaproxyProxy,
  places: readonly Place[],
  servers: readonly ImportedServer[],
  draft: Draft,
): void {
  const limits = new Set(servers.map(({ connectionsMax }) => connectionsMax));
  if (limits.size > 1) draft.omit(back.section.line, back.name, 'has servers with different maxconn: no limit is set');
  const idleMs = [...front.idleMs, ...back.idleMs];
  for (const { line, ...place } of places) {
    draft.listener(line, {
      ...{ name: front.name, pool: back.name, protocol: 'tcp', ...place },
      ...{ clientAddress: back.clientAddress, sourceAddresses: back.sourceAddresses },
      limits: {
        connectionsPerMember: limits.size === 1 ? [...limits][0]! : null,
        ...{ connectionsPerSecond: null, burst: defaultBurst(null), connections: front.connections },
      },
      timeouts: {
        ...{ connectMs: back.connectMs, idleMs: idleMs.length === 0 ? null : Math.min(...idleMs) },
        ...{ onIdle: 'release', memberConnectMs: null },
      },
    });
  }
}

function placesOf(bind: Statement, draft: Draft): Place[] {
  const [, targets = '', ...parameters] = bind.words;
  const interfaces: string[] = [];
  for (let index = 0; index < parameters.length; index++) {
    const word = parameters[index]!;
    if (word === 'interface') interfaces.push(parameters[++index] ?? '');
    else if (word === 'name') index++;
    else if (word === 'ssl' || word === 'accept-proxy') {
      draft.omit(bind.line, statementText(bind), `${word}: connections are passed through unopened here`);
      return [];
    } else if (!HARMLESS.has(word)) draft.omit(bind.line, word, 'has no counterpart');
  }
  return targets.split(',').flatMap((target) => {
    const endpoint = readEndpoint(target.replace(/^ipv[46]@/, ''));
    if (endpoint !== null && endpoint.port !== null) {
      const { host, port } = endpoint;
      return [{ line: bind.line, port, addresses: host === '' ? [] : [host], interfaces }];
    }
    draft.omit(bind.line, target, 'is no address with one port');
    return [];
  });
}
