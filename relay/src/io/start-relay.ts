import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import { createLogger, type Logger, type OperationsServer, parseConfig, serveOperations } from '@higgins/service';
import type { ConnectionLimits, ConnectOptions, Listener } from '@higgins/transport';
import { allowAnyone, RELAY_PROTOCOLS, type RelayEvent, RelayNode, requireCertificate } from '../core/index.js';
import { relayRoutes } from './admin.js';
import { type RelayConfig, type RelayConfigInput, relayConfigSchema } from './config.js';
import { relayMetrics } from './metrics.js';
import { readIdentity, readPem } from './tls-files.js';

/** A relay that listens. */
export interface RelayServer extends AsyncDisposable {
  readonly host: string;
  /** The UDP port, also where the configuration said 0. */
  readonly port: number;
  /** The TCP port of metrics and health, or null if there is no such endpoint. */
  readonly adminPort: number | null;
  readonly node: RelayNode;
  readonly log: Logger;
  /** Reads certificates, keys and authorities again, for connections made from now on. Throws TlsFileError. */
  reload(): void;
  /** Sends clients away (GOAWAY), waits for them, bounded, and closes everything. Idempotent. */
  drain(): Promise<void>;
  /** Closes everything at once. Idempotent. */
  close(): Promise<void>;
}

/** A relay keeps nothing on disk; the directory is made only if something were written. */
const STATE_DIRECTORY = 'higgins-relay';
const IMPLEMENTATION = 'higgins-relay/0.1.0';

/**
 * Starts a relay on real QUIC. `input` is what a configuration file holds; what is left out has the schema's default.
 *
 * @throws ConfigError if the input does not fit the schema, TlsFileError or TransportError if files or port can't be used
 */
export async function startRelay(input: RelayConfigInput): Promise<RelayServer> {
  // As text, so that a caller's mistakes read like those in a file.
  const config = parseConfig(relayConfigSchema, JSON.stringify(input), 'relay options');
  const log = createLogger('relay', config.log.level);
  const identity = readIdentity(config.tls.certificate, config.tls.privateKey);
  const upstreams = upstreamsOf(config);
  warn(config, log);
  const runtime = new NodeRuntime({ directory: STATE_DIRECTORY });
  const transport = new QuicTransport();
  const node = new RelayNode({
    ...{ runtime, transport, upstreams, limits: config.limits, implementation: IMPLEMENTATION },
    authorizer: config.anonymous ? allowAnyone : requireCertificate,
    onEvent: (event) => logEvent(log, event),
  });
  let listener: Listener | null = null;
  let admin: OperationsServer | null = null;
  try {
    listener = await transport.listen({
      ...{ host: config.listen.host, port: config.listen.port, identity, protocols: RELAY_PROTOCOLS },
      ...authoritiesOf(config),
      limits: connectionLimits(config),
      accept: (connection) => node.accept(connection),
    });
    admin = await serveAdmin(config, node);
  } catch (error) {
    node.close();
    await transport.close();
    runtime[Symbol.dispose]();
    throw error;
  }
  node.start();
  log.info({ host: listener.host, port: listener.port, adminPort: admin?.port ?? null }, 'relay listens');
  return new Server({ config, node, log, listener, admin, transport, runtime });
}

interface Parts {
  readonly config: RelayConfig;
  readonly node: RelayNode;
  readonly log: Logger;
  readonly listener: Listener;
  readonly admin: OperationsServer | null;
  readonly transport: QuicTransport;
  readonly runtime: NodeRuntime;
}

class Server implements RelayServer {
  readonly #parts: Parts;
  #ending: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get host(): string {
    return this.#parts.listener.host;
  }

  get port(): number {
    return this.#parts.listener.port;
  }

  get adminPort(): number | null {
    return this.#parts.admin?.port ?? null;
  }

  get node(): RelayNode {
    return this.#parts.node;
  }

  get log(): Logger {
    return this.#parts.log;
  }

  reload(): void {
    const { config, listener, log } = this.#parts;
    const { clientAuthoritiesPem } = authoritiesOf(config);
    listener.reload(readIdentity(config.tls.certificate, config.tls.privateKey), clientAuthoritiesPem);
    log.info({ certificate: config.tls.certificate }, 'certificates reloaded');
  }

  drain(): Promise<void> {
    this.#ending ??= this.#end(this.#parts.config.drainMs);
    return this.#ending;
  }

  close(): Promise<void> {
    this.#ending ??= this.#end(0);
    return this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(drainMs: number): Promise<void> {
    const { node, log, listener, admin, transport, runtime } = this.#parts;
    log.info({ drainMs }, 'relay is going away');
    await listener.close();
    if (drainMs > 0) await node.drain(drainMs);
    else node.close();
    await transport.close();
    await admin?.[Symbol.asyncDispose]();
    runtime[Symbol.dispose]();
    log.info('relay has stopped');
  }
}

function serveAdmin(config: RelayConfig, node: RelayNode): Promise<OperationsServer> | null {
  if (config.admin === undefined) return null;
  return serveOperations({
    ...config.admin,
    registry: relayMetrics(node.core),
    notReady: () => notReady(node),
    routes: relayRoutes(node.core),
  });
}

function notReady(node: RelayNode): string | null {
  if (node.core.draining) return 'draining';
  return node.core.links.configured && !node.core.links.connected ? 'no upstream is connected' : null;
}

function upstreamsOf(config: RelayConfig): Omit<ConnectOptions, 'protocols'>[] {
  return config.upstreams.map((upstream) => {
    const authorities = upstream.authorities ?? config.tls.clientAuthorities;
    const { certificate, privateKey } = config.tls;
    return {
      url: upstream.url,
      identity: readIdentity(upstream.certificate ?? certificate, upstream.privateKey ?? privateKey),
      ...(authorities === undefined ? {} : { authoritiesPem: readPem(authorities, 'authorities') }),
      ...(upstream.insecure ? { insecure: true } : {}),
      limits: { ...AUTHENTICATED_LIMITS, ...times(config, 1_000, 4_000) },
    };
  });
}

function authoritiesOf(config: RelayConfig): { clientAuthoritiesPem?: string } {
  const { clientAuthorities } = config.tls;
  return clientAuthorities === undefined ? {} : { clientAuthoritiesPem: readPem(clientAuthorities, 'authorities') };
}

/** Ceilings that are granted on demand: 10,000 subscriptions with their fetches, and as many objects in flight. */
const AUTHENTICATED_LIMITS: Partial<ConnectionLimits> = {
  bidirectionalStreamsMax: 32_768,
  unidirectionalStreamsMax: 4_096,
  backlogBytesMax: 32 * 1024 * 1024,
};

/** What a client gets of whom nothing is known. */
const ANONYMOUS_LIMITS: Partial<ConnectionLimits> = {
  bidirectionalStreamsMax: 256,
  unidirectionalStreamsMax: 256,
  backlogBytesMax: 16 * 1024 * 1024,
};

function connectionLimits(config: RelayConfig): Partial<ConnectionLimits> {
  return config.anonymous
    ? { ...ANONYMOUS_LIMITS, ...times(config, 10_000, 30_000) }
    : { ...AUTHENTICATED_LIMITS, ...times(config, 1_000, 4_000) };
}

function times({ keepAliveMs, idleTimeoutMs }: RelayConfig, keepAliveDefaultMs: number, idleDefaultMs: number) {
  return { keepAliveMs: keepAliveMs ?? keepAliveDefaultMs, idleTimeoutMs: idleTimeoutMs ?? idleDefaultMs };
}

function warn(config: RelayConfig, log: Logger): void {
  if (config.anonymous) {
    log.warn('ANONYMOUS ACCESS: every client may publish and subscribe, without credentials; use it for tests only');
  } else if (config.tls.clientAuthorities === undefined) {
    log.warn('tls.clientAuthorities is not set: no client certificate can be trusted, so every client is refused');
  }
  for (const upstream of config.upstreams) {
    if (upstream.insecure) log.warn({ url: upstream.url }, 'upstream is not verified: for tests only');
  }
}

function logEvent(log: Logger, event: RelayEvent): void {
  const { kind, ...details } = event;
  if (kind === 'upstream-failed') log.warn(details, 'upstream cannot be reached');
  else if (kind === 'fault') log.error({ ...details, err: event.error }, 'internal error; the session is closed');
  else if (kind === 'session-opened') log.info(details, 'session opened');
  else log.info(details, 'session closed');
}
