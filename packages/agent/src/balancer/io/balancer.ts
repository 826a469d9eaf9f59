import { hostname } from 'node:os';
import { formatPrefix } from '@higgins/ipdata';
import { Netlink, probeObstacle } from '@higgins/netlink';
import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import { createLogger, type Logger, serveOperations } from '@higgins/service';
import { claimExclusively } from '../../io/exclusive.js';
import { reasonOf } from '../../reason.js';
import { type AnnouncementState, announcedRoutes } from '../../targets/bgp/announced.js';
import { RouteKeeper } from '../../targets/bgp/route-keeper.js';
import { BirdTarget, type BirdTargetOptions } from '../../targets/bgp/target.js';
import { DirectReturnChecker } from '../../targets/maglev/direct-checker.js';
import { MaglevTarget } from '../../targets/maglev/target.js';
import { NetworkChecker } from '../checks/index.js';
import type { BalancerCore } from '../core/balancer-core.js';
import type { BalancerTarget, Checker, Resolver } from '../core/contract.js';
import { ConfigurationError } from '../core/layout.js';
import type { BalancerControl } from '../core/status.js';
import { EndpointSource } from '../discovery/index.js';
import { addWebhookMetrics, Webhooks, type WebhooksOptions } from '../events/index.js';
import { DnsResolver } from '../names/index.js';
import { BalancerMetrics } from './balancer-metrics.js';
import { type BalancerHost, BalancerNode } from './balancer-node.js';
import type { BalancerBus, BalancerOptions } from './balancer-options.js';
import { BusLink, type BusLinkParts } from './bus-link.js';
import { type ConfigurationFile, loadConfigurationFile } from './configuration-file.js';
import { ConntrackWatch } from './conntrack-usage.js';
import type { LocalControl } from './control.js';
import { serveControl } from './control-server.js';
import type { DesiredSource } from './desired-source.js';
import type { EventHub } from './event-hub.js';
import { FileDesiredSource } from './file-desired-source.js';
import { KernelCheck } from './kernel-check.js';
import { TrackLists, type TrackListsOptions } from './track-lists.js';

/** Name of the balancer's tables, unless told otherwise. */
const DEFAULT_TABLE = 'higgins_lb';

/** A balancer at work. Disposing it stops the program's part: the kernel goes on balancing. */
export interface Balancer extends AsyncDisposable {
  /** Where metrics and health are served, or null. */
  readonly operations: { readonly host: string; readonly port: number } | null;
  readonly control: BalancerControl;
}

/**
 * Starts a balancer. It goes on from what is in the kernel and on disk: nothing changes on the wire that need not.
 *
 * @throws ConfigError if the file can't be used; NftError if the right or the program to change the kernel is missing;
 * Error if another balancer has the state directory or the tables, or an address or the socket can't be served
 */
export async function startBalancer(options: BalancerOptions): Promise<Balancer> {
  await using resources = new AsyncDisposableStack();
  const logger = options.logger ?? createLogger('balancer');
  resources.use(await claimExclusively(options.stateDirectory, options.table ?? DEFAULT_TABLE));
  const runtime = resources.use(new NodeRuntime({ directory: options.stateDirectory }));
  const node = options.node ?? hostname();
  const bus = options.bus ? resources.use(await openBus(options.bus, { node, runtime, log: logger })) : null;
  const source = resources.use(openSource(options, runtime, bus, logger));
  const { target, checker, directChecker, resolver, warnings } = openParts(options, runtime);
  const metrics = new BalancerMetrics(
    () => balancer.control.read(),
    () => runtime.bootMs(),
  );
  const host: BalancerHost = {
    async prepare(configuration) {
      const { core } = balancer;
      const reason = TrackLists.refusal(configuration, options.bus ?? null);
      if (reason !== null) throw new ConfigurationError(reason);
      kernel?.require(core.configurations.preview(configuration, core.loads, balancer.now()).desired);
      // Lists stand before the listeners that they guard, and go after them.
      await lists?.follow(core.state === null ? [configuration] : [core.state.configuration, configuration]);
    },
    settled() {
      const { state } = balancer.core;
      const inForce = state === null ? [] : [state.configuration];
      lists?.follow(inForce).catch((error: unknown) => logger.error({ reason: reasonOf(error) }, 'lists of listeners'));
    },
    kernelChanged() {
      const { state, kernel } = balancer.core;
      // Until the kernel was read, what an earlier life announced stays: what that left in the kernel serves it.
      if (state === null || (kernel.verifiedWallMs === null && !kernel.isFlushed)) return;
      routes?.want(announcedRoutes(state.configuration, announcementOf(balancer.core)));
    },
    warnings: () => [...(kernel?.warnings ?? []), ...warnings()],
    conntrack: () => conntrack.usage,
    readFile: (path) => loadConfigurationFile(path).configuration,
    programmed: (result, delayMs) => metrics.programmed(result, delayMs),
    programFailed: () => metrics.programFailed(),
    checked(result) {
      if (result.ok) metrics.checked(result.latencyMs);
    },
  };
  const nodes = options.bus?.nodes ?? [];
  const parts = { node, nodes, runtime, log: logger, source, bus, target, checker, directChecker, resolver, host };
  const balancer: BalancerNode = await BalancerNode.open(parts);
  const kernel = options.parts?.target === undefined ? await KernelCheck.open() : null;
  const conntrack = resources.use(new ConntrackWatch(runtime, (occurrence) => balancer.note(occurrence)));
  const lists = options.bus ? resources.use(openLists(options.bus, { ...options, node, runtime, logger })) : null;
  const { control, hub } = balancer;
  hub.listen((event) => metrics.event(event));
  addWebhooks(options, { node, runtime, resolver, logger, hub, metrics }, resources);
  const routes = options.bird ? resources.use(routeKeeper(options.bird, runtime, logger)) : null;
  resources.use(balancer);
  await conntrack.start();
  const operations = await openEndpoints(options, control, metrics, resources);
  // After a flush that an earlier life was told of, nothing must attract packets.
  if (balancer.core.kernel.isFlushed) routes?.want([]);
  balancer.start();
  const owned = resources.move();
  return { operations, control, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}

async function openBus(bus: BalancerBus, parts: Omit<BusLinkParts, 'transport'>): Promise<BusLink> {
  return await BusLink.open(bus, { ...parts, transport: new QuicTransport() });
}

function openSource(
  options: BalancerOptions,
  runtime: NodeRuntime,
  bus: BusLink | null,
  logger: Logger,
): DesiredSource {
  const { desired, checkTypes, quotasOf } = options;
  const validation = { checkTypes: checkTypes?.names ?? [], ...(quotasOf && { quotasOf }) };
  if (desired.kind === 'file') {
    const { path, endpoints } = desired;
    const noted = ({ notes }: ConfigurationFile) => {
      for (const note of notes) logger.warn({ path: note.path, line: note.line }, note.message);
    };
    if (endpoints === undefined) return new FileDesiredSource(path, validation, noted);
    return new EndpointSource({ path, endpoints, validation, runtime, noted });
  }
  if (bus === null) throw new Error('the desired state is to come from the bus, but no relay is named');
  return bus.desired(desired.gateways, validation);
}

interface Parts {
  readonly target: BalancerTarget;
  readonly checker: Checker;
  /** Null where nothing can be found out about members of direct server return. */
  readonly directChecker: Checker | null;
  readonly resolver: Resolver;
  readonly warnings: () => readonly string[];
}

function openParts({ parts, table, checkTypes }: BalancerOptions, runtime: NodeRuntime): Parts {
  const checker = parts?.checker ?? new NetworkChecker({ clock: runtime, ...(checkTypes && { types: checkTypes }) });
  const resolver = parts?.resolver ?? new DnsResolver({ clock: runtime });
  if (parts?.target !== undefined) {
    return { target: parts.target, checker, directChecker: null, resolver, warnings: () => [] };
  }
  const bootMs = () => runtime.bootMs();
  const target = new MaglevTarget({ netlink: new Netlink(), bootMs, ...(table !== undefined && { table }) });
  const warnings = () =>
    [...target.notAccelerated].map(([id, reason]) => `service ${id} is not accelerated: ${reason}`);
  // What is missing is among the findings about the node.
  const directChecker = probeObstacle() === null ? new DirectReturnChecker(bootMs) : null;
  return { target, checker, directChecker, resolver, warnings };
}

/** Receivers hear of every event; whatever becomes of them delays nobody. */
function addWebhooks(
  { webhooks = [] }: BalancerOptions,
  parts: Pick<WebhooksOptions, 'node' | 'resolver'> & {
    readonly runtime: NodeRuntime;
    readonly logger: Logger;
    readonly hub: EventHub;
    readonly metrics: BalancerMetrics;
  },
  resources: AsyncDisposableStack,
): void {
  if (webhooks.length === 0) return;
  const { node, runtime, resolver, logger, hub, metrics } = parts;
  const failing = (webhook: string, reason: string | null) => {
    if (reason === null) logger.info({ webhook }, 'webhook takes events again');
    else logger.warn({ webhook, reason }, 'webhook does not take events');
  };
  const receivers = resources.use(new Webhooks({ webhooks, node, runtime, resolver, failing }));
  addWebhookMetrics(metrics.registry, receivers);
  hub.listen((event) => receivers.notify(event));
}

function openLists(
  bus: BalancerBus,
  { node, runtime, logger, table = DEFAULT_TABLE }: Omit<TrackListsOptions, 'bus' | 'table'> & { table?: string },
): TrackLists {
  return new TrackLists({ bus, node, runtime, logger, table: `${table}_lists` });
}

function routeKeeper(bird: BirdTargetOptions, runtime: NodeRuntime, logger: Logger): RouteKeeper {
  return new RouteKeeper({
    target: new BirdTarget(bird),
    runtime,
    announced: (routes) =>
      logger.info({ routes: routes.map(({ prefix }) => formatPrefix(prefix)) }, 'routes announced'),
    failed: (error) => logger.error({ reason: error.message }, 'routes could not be announced'),
  });
}

/** What the routes depend on: a node that can't be trusted to send packets on must not attract them. */
function announcementOf({ kernel, state }: BalancerCore): AnnouncementState {
  return {
    verified: kernel.isVerified,
    serves: (loadBalancer) =>
      state?.layout.services.some(
        (plan) => plan.loadBalancer === loadBalancer && (state.service(plan.id)?.table.slots.length ?? 0) > 0,
      ) ?? false,
  };
}

async function openEndpoints(
  { controlSocket, operations }: BalancerOptions,
  control: LocalControl,
  metrics: BalancerMetrics,
  resources: AsyncDisposableStack,
): Promise<Balancer['operations']> {
  if (controlSocket !== undefined) resources.use(await serveControl(controlSocket, control));
  if (operations === undefined) return null;
  const notReady = () => control.notReady();
  const server = await serveOperations({ ...operations, registry: metrics.registry, notReady });
  resources.use(server);
  return { host: server.host, port: server.port };
}
