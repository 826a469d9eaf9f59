import { refusal, shown } from '../../resources/problem.js';
import { at, type Location, type Origins } from '../origins.js';
import type { PolicySpec } from './policy-schema.js';
import type { Resource, Resources } from './resources.js';
import type { GatewaySpec, RouteSpec } from './schema.js';

/** A listener of a gateway. */
export type GatewayListener = GatewaySpec['listeners'][number];

/** Which policy and which routes each listener of a gateway has. */
export interface Attachments {
  /** The policy for the listener, or for its gateway. */
  policyOf(gateway: Resource<GatewaySpec>, listener: GatewayListener): Resource<PolicySpec> | null;
  routesOf(gateway: Resource<GatewaySpec>, listener: GatewayListener): readonly Resource<RouteSpec>[];
}

const PROTOCOLS: Readonly<Record<string, string>> = { TCPRoute: 'TCP', UDPRoute: 'UDP' };

/** Follows `targetRef` and `parentRefs`; what leads nowhere is refused. */
export function attach(resources: Resources, origins: Origins): Attachments {
  const policies = new Map<string, Resource<PolicySpec>>();
  for (const policy of resources.policies) attachPolicy(policy, resources, policies, origins);
  const routes = new Map<GatewayListener, Resource<RouteSpec>[]>();
  for (const route of resources.routes) {
    for (const [index, parent] of route.spec.parentRefs.entries()) {
      const place = at(route.place, 'spec', 'parentRefs', index);
      for (const listener of listenersOf(parent, route, resources, place, origins)) {
        const attached = routes.get(listener) ?? [];
        if (!attached.includes(route)) routes.set(listener, [...attached, route]);
      }
    }
  }
  return {
    policyOf: (gateway, { name }) =>
      policies.get(policyKey(gateway, gateway.name, name)) ?? policies.get(policyKey(gateway, gateway.name)) ?? null,
    routesOf: (_, listener) => routes.get(listener) ?? [],
  };
}

function policyKey({ namespace }: Resource<unknown>, gateway: string, section?: string): string {
  return `${namespace ?? ''}/${gateway}${section === undefined ? '' : `#${section}`}`;
}

function attachPolicy(
  policy: Resource<PolicySpec>,
  { gateways }: Resources,
  into: Map<string, Resource<PolicySpec>>,
  origins: Origins,
): void {
  const { name, sectionName } = policy.spec.targetRef;
  const place = at(policy.place, 'spec', 'targetRef');
  const gateway = gateways.find((one) => one.name === name && one.namespace === policy.namespace);
  const key = policyKey(policy, name, sectionName);
  const other = into.get(key);
  if (gateway === undefined) {
    origins.refuse(at(place, 'name'), refusal(name, "the name of a Gateway in the policy's namespace"));
  } else if (!gateway.spec.listeners.some((listener) => isMeant(sectionName, listener.name))) {
    origins.refuse(at(place, 'sectionName'), refusal(sectionName, `the name of a listener of ${shown(name)}`));
  } else if (other !== undefined) {
    origins.refuse(place, refusal(name, `a target without a policy; ${shown(other.name)} has it`));
  } else into.set(key, policy);
}

type ParentRef = RouteSpec['parentRefs'][number];

function listenersOf(
  parent: ParentRef,
  route: Resource<RouteSpec>,
  { gateways }: Resources,
  place: Location,
  origins: Origins,
): GatewayListener[] {
  const namespace = parent.namespace ?? route.namespace;
  const gateway = gateways.find((one) => one.name === parent.name && one.namespace === namespace);
  if (gateway === undefined) {
    origins.refuse(at(place, 'name'), refusal(parent.name, `the name of a Gateway in namespace ${shown(namespace)}`));
    return [];
  }
  const { listeners } = gateway.spec;
  const named = listeners.filter(({ name, port }) => isMeant(parent.sectionName, name) && isMeant(parent.port, port));
  if (named.length === 0) {
    const field = parent.sectionName === undefined ? 'port' : 'sectionName';
    origins.refuse(at(place, field), refusal(parent[field], `that of a listener of ${shown(parent.name)}`));
    return [];
  }
  const allowed = named.filter((listener) => admits(listener, gateway, route));
  if (allowed.length === 0) {
    const expected = `a Gateway with a listener of ${PROTOCOLS[route.kind]} that allows routes of this kind and namespace`;
    origins.refuse(at(place, 'name'), refusal(parent.name, expected));
  }
  return allowed;
}

function isMeant<T>(wanted: T | undefined, has: T): boolean {
  return wanted === undefined || wanted === has;
}

function admits({ protocol, allowedRoutes }: GatewayListener, gateway: Resource<unknown>, route: Resource<unknown>) {
  const { namespaces, kinds } = allowedRoutes;
  if (protocol !== PROTOCOLS[route.kind] || namespaces.from === 'None') return false;
  if (kinds.length > 0 && !kinds.some(({ kind }) => kind === route.kind)) return false;
  return namespaces.from === 'All' || gateway.namespace === route.namespace;
}
