import { defaultBurst } from '../../resources/defaults.js';
import type { Listener, SourceList } from '../../resources/model.js';
import { readEndpoint, readTimeMs } from './endpoint.js';
import { Draft, type Imported } from './imported.js';
import { type Directive, directiveText, readDirectives } from './nginx-text.js';
import { addUpstream, NGINX_MEMBER, NO_COUNTERPART } from './nginx-upstream.js';

/** What makes a listener do more than pass connections on. */
const ENDS_TLS = 'ends TLS, and connections are passed through unopened here';

/**
 * Imports the `stream` block of an nginx configuration, or the contents of one.
 *
 * @throws ResourceError if the text is not nginx's syntax.
 */
export function importNginx(text: string): Imported {
  const draft = new Draft('nginx');
  const root = readDirectives(text);
  const streams = root.filter(({ name, block }) => name === 'stream' && block !== null);
  for (const directive of streams.length > 0 ? root : []) {
    if (!streams.includes(directive))
      draft.omit(directive.line, directiveText(directive), 'is outside of the stream block');
  }
  const directives = streams.length > 0 ? streams.flatMap(({ block }) => block ?? []) : root;
  const limits = new Map<string, number>();
  const shared = directives.filter(({ name }) => name.startsWith('proxy_') || name === 'allow' || name === 'deny');
  for (const directive of directives) {
    if (directive.name === 'upstream') addUpstream(directive, limits, draft);
    else if (directive.name !== 'server' && !shared.includes(directive)) {
      draft.omit(directive.line, directiveText(directive), NO_COUNTERPART);
    }
  }
  for (const directive of directives) {
    if (directive.name === 'server') addServer(directive, shared, limits, draft);
  }
  return draft.finish();
}

interface Server {
  readonly listens: Directive[];
  pool: string;
  clientAddress: Listener['clientAddress'];
  sourceAddresses: string[];
  connectMs: number | null;
  idleMs: number | null;
  readonly access: Directive[];
}

/** What a server says wins over what stands beside it in the stream block. */
function addServer(
  { line, block }: Directive,
  shared: readonly Directive[],
  limits: Map<string, number>,
  draft: Draft,
): void {
  const own = block ?? [];
  const inherited = shared.filter(({ name }) => !own.some((directive) => sameSetting(directive.name, name)));
  const server: Server = {
    ...{
      listens: [],
      pool: '',
      clientAddress: 'translate',
      sourceAddresses: [],
      connectMs: null,
      idleMs: null,
      access: [],
    },
  };
  for (const directive of [...inherited, ...own]) readSetting(directive, server, draft);
  if (server.pool === '') {
    draft.omit(line, 'server', 'has no proxy_pass that is known when the file is read');
    return;
  }
  const lists = accessOf(server.access, draft);
  for (const listen of server.listens) {
    const port = readListen(listen, draft);
    if (port === null) continue;
    draft.listener(listen.line, {
      ...{ ...port, ...lists, pool: server.pool, name: `${port.protocol}/${listen.args[0]}` },
      ...{ clientAddress: server.clientAddress, sourceAddresses: server.sourceAddresses },
      limits: {
        ...{ connectionsPerSecond: null, burst: defaultBurst(null), connections: null },
        connectionsPerMember: limits.get(server.pool) ?? null,
      },
      timeouts: { connectMs: server.connectMs, idleMs: server.idleMs, onIdle: 'release', memberConnectMs: null },
    });
  }
}

function sameSetting(a: string, b: string): boolean {
  const isAccess = (name: string) => name === 'allow' || name === 'deny';
  return a === b || (isAccess(a) && isAccess(b));
}

function readSetting(directive: Directive, server: Server, draft: Draft): void {
  const { name, args, line } = directive;
  const time = readTimeMs(args[0] ?? '', 's');
  if (name === 'listen') server.listens.push(directive);
  else if (name === 'allow' || name === 'deny') server.access.push(directive);
  else if (name === 'proxy_pass' && !args[0]?.includes('$')) server.pool = poolOf(directive, draft);
  else if (name === 'proxy_connect_timeout' && time !== null) server.connectMs = atLeastSecond(directive, time, draft);
  else if (name === 'proxy_timeout' && time !== null) server.idleMs = atLeastSecond(directive, time, draft);
  else if (name === 'proxy_bind' && args[1] === 'transparent') server.clientAddress = 'keep';
  else if (name === 'proxy_bind' && args[0] === 'off') server.sourceAddresses = [];
  else if (name === 'proxy_bind' && readEndpoint(args[0] ?? '') !== null)
    server.sourceAddresses = [readEndpoint(args[0]!)!.host];
  else if (name === 'proxy_protocol' && args[0] === 'on') {
    draft.omit(line, directiveText(directive), 'needs the proxy data path, which this version does not have');
  } else draft.omit(line, directiveText(directive), NO_COUNTERPART);
}

/** An upstream's name, or a server of its own. */
function poolOf({ line, args }: Directive, draft: Draft): string {
  const [target = ''] = args;
  const endpoint = readEndpoint(target);
  if (endpoint === null || endpoint.port === null || endpoint.host === '') return target;
  draft.pool(line, {
    name: target,
    algorithm: 'round-robin',
    members: [{ ...NGINX_MEMBER, name: target, host: endpoint.host, port: endpoint.port }],
  });
  return target;
}

function atLeastSecond(directive: Directive, timeMs: number, draft: Draft): number | null {
  if (timeMs >= 1_000) return timeMs;
  draft.omit(directive.line, directiveText(directive), 'is below a second, which the kernel does not count');
  return null;
}

function readListen(directive: Directive, draft: Draft): Pick<Listener, 'protocol' | 'port' | 'addresses'> | null {
  const [target = '', ...parameters] = directive.args;
  const endpoint = /^\d+$/.test(target) ? readEndpoint(`:${target}`) : readEndpoint(target);
  const text = directiveText(directive);
  if (endpoint === null || endpoint.port === null) draft.omit(directive.line, text, 'is no address and port');
  else if (parameters.includes('ssl')) draft.omit(directive.line, text, ENDS_TLS);
  if (endpoint === null || endpoint.port === null || parameters.includes('ssl')) return null;
  for (const parameter of parameters) {
    if (parameter !== 'udp') draft.omit(directive.line, parameter, NO_COUNTERPART);
  }
  const protocol = parameters.includes('udp') ? 'udp' : 'tcp';
  return { protocol, port: endpoint.port, addresses: endpoint.host === '' ? [] : [endpoint.host] };
}

/** The first match decides there; two lists say the same only for refusals first, then admissions, then everybody else. */
function accessOf(access: readonly Directive[], draft: Draft): { allow: SourceList | null; block: SourceList | null } {
  const none = { allow: null, block: null };
  const texts = access.map((directive) => directiveText(directive));
  if (!/^(?:deny (?!all)\S+\n)*(?:allow \S+\n)*(?:deny all\n)?$/.test(texts.map((text) => `${text}\n`).join(''))) {
    for (const { line, ...rest } of access)
      draft.omit(line, directiveText({ line, ...rest }), 'is in an order that two lists cannot express');
    return none;
  }
  const named = (name: string) =>
    access.filter((directive) => directive.name === name && directive.args[0] !== 'all').map(({ args }) => args[0]!);
  const list = (prefixes: string[]): SourceList => ({ kind: 'inline', prefixes });
  const closes = texts.at(-1) === 'deny all' && !texts.includes('allow all');
  return {
    allow: closes ? list(named('allow')) : null,
    block: named('deny').length > 0 ? list(named('deny')) : null,
  };
}
