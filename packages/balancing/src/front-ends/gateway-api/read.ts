import { DEFAULTS, LOCAL_OWNER } from '../../resources/defaults.js';
import type { Announcement, Listener, LoadBalancer, Member, Pool } from '../../resources/model.js';
import { refusal, shown } from '../../resources/problem.js';
import type { Translation, ValidationOptions } from '../../resources/validate.js';
import { at, Origins } from '../origins.js';
import { type Attachments, attach, type GatewayListener } from './attachment.js';
import { type BackendAddresses, type BackendLookup, endpointsOf, refuseForeignBackend } from './backends.js';
import { listenerFields, listenerPart, poolFields, poolPart } from './policy.js';
import type { PolicySpec } from './policy-schema.js';
import { type Resource, readResources } from './resources.js';
import type { GatewaySpec, RouteSpec } from './schema.js';
import { memberWeights } from './weights.js';

/** What the documents are read with. */
export interface GatewayOptions extends ValidationOptions {
  /** Addresses of backends, by `namespace/name` or name; default none. */
  readonly backendAddresses?: BackendAddresses;
}

/**
 * Reads Gateway API documents with `L4LoadBalancerPolicy`, parsed. Each Gateway is a load balancer, owned by its namespace;
 * each route is a pool.
 *
 * @throws ResourceError with everything that is wrong, in the words and at the places of the documents.
 */
export function readGatewayApi(documents: readonly unknown[], options: GatewayOptions = {}): Translation {
  const resources = readResources(documents);
  const origins = new Origins();
  const lookup: BackendLookup = { resources, origins, addresses: options.backendAddresses ?? new Map() };
  const attachments = attach(resources, origins);
  const loadBalancers = resources.gateways.map((gateway) => loadBalancerOf(gateway, attachments, lookup));
  if (loadBalancers.length === 0) origins.note({ document: 0, path: [] }, 'has no Gateway: nothing is balanced');
  return origins.finish({ loadBalancers }, options);
}

function loadBalancerOf(gateway: Resource<GatewaySpec>, attachments: Attachments, lookup: BackendLookup): LoadBalancer {
  const { place, name, namespace, spec } = gateway;
  const pools = new Map<string, Pool>();
  const listeners = spec.listeners.flatMap((listener, index) => {
    const route = routeOf(gateway, listener, index, attachments, lookup.origins);
    if (route === null) return [];
    const policy = attachments.policyOf(gateway, listener);
    const poolName = poolNameOf(route, policy, gateway);
    if (!pools.has(poolName)) pools.set(poolName, poolOf(poolName, route, policy, lookup));
    const translated: Listener = {
      ...listenerPart(policy),
      ...{ name: listener.name, protocol: listener.protocol === 'TCP' ? 'tcp' : 'udp', port: listener.port },
      rules: [{ match: null, pool: poolName }],
    };
    const own = { name: ['name'], protocol: ['protocol'], port: ['port'] };
    return [
      lookup.origins.place(translated, at(place, 'spec', 'listeners', index), { ...listenerFields(policy), ...own }),
    ];
  });
  const loadBalancer: LoadBalancer = {
    ...{ owner: namespace ?? LOCAL_OWNER, name, frontEnd: 'gateway-api', seed: null },
    addresses: spec.addresses.map(({ value }) => value),
    chainPriority: DEFAULTS['gateway-api'].chainPriority,
    announcement: announcementOf(gateway, attachments),
    ...{ listeners, pools: [...pools.values()] },
  };
  return lookup.origins.place(loadBalancer, place, {
    ...{ owner: ['metadata', 'namespace'], name: ['metadata', 'name'] },
    ...{ addresses: ['spec', 'addresses'], listeners: ['spec', 'listeners'] },
  });
}

/** The one route of a listener: nothing on this layer tells flows apart. */
function routeOf(
  gateway: Resource<GatewaySpec>,
  listener: GatewayListener,
  index: number,
  attachments: Attachments,
  origins: Origins,
): Resource<RouteSpec> | null {
  const [route, second] = attachments.routesOf(gateway, listener);
  if (second !== undefined) {
    const expected = `a listener without a route; ${route!.kind} ${shown(route!.name)} leads from ${shown(listener.name)}`;
    origins.refuse(at(second.place, 'spec', 'parentRefs'), refusal(second.name, expected));
  }
  if (route !== undefined) return route;
  origins.note(at(gateway.place, 'spec', 'listeners', index), `${shown(listener.name)} has no route: it is not served`);
  return null;
}

/** `TCPRoute/web`; a policy for one listener makes it a pool of its own. */
function poolNameOf(
  { kind, name, namespace }: Resource<RouteSpec>,
  policy: Resource<PolicySpec> | null,
  gateway: Resource<GatewaySpec>,
): string {
  const section = policy?.spec.targetRef.sectionName;
  const foreign = namespace === gateway.namespace ? '' : `${namespace}/`;
  return `${kind}/${foreign}${name}${section === undefined ? '' : `@${section}`}`;
}

function poolOf(
  name: string,
  route: Resource<RouteSpec>,
  policy: Resource<PolicySpec> | null,
  lookup: BackendLookup,
): Pool {
  const { origins } = lookup;
  const { backendRefs } = route.spec.rules[0]!;
  const backends = backendRefs.map((ref, index) => {
    const place = at(route.place, 'spec', 'rules', 0, 'backendRefs', index);
    const reference = { ref, place, from: route };
    refuseForeignBackend(reference, lookup);
    return { ref, place, endpoints: endpointsOf(reference, lookup) };
  });
  const weights = memberWeights(
    backends.map(({ ref, endpoints }) => ({ weight: ref.weight, members: endpoints.length })),
  );
  const fields = { name: ['name'], host: ['name'], port: ['port'], weight: ['weight'] };
  const members = backends.flatMap(({ endpoints, place }, index) =>
    endpoints.map(({ name: member, host, port, admin }) =>
      origins.place<Member>(
        {
          ...DEFAULTS['gateway-api'].member,
          ...{ name: member, host, port, weight: weights[index]!, admin },
          resolution: { servers: [], ttlMs: null, members: 'all' },
        },
        place,
        fields,
      ),
    ),
  );
  const pool: Pool = { ...poolPart(policy, origins), name, members };
  const membersPlace = at(route.place, 'spec', 'rules', 0, 'backendRefs');
  return origins.place(pool, route.place, {
    ...poolFields(policy),
    ...{ name: ['metadata', 'name'], members: membersPlace },
  });
}

function announcementOf(gateway: Resource<GatewaySpec>, attachments: Attachments): Announcement | null {
  for (const listener of gateway.spec.listeners) {
    const announcement = attachments.policyOf(gateway, listener)?.spec.announcement ?? null;
    if (announcement !== null) return announcement;
  }
  return null;
}
