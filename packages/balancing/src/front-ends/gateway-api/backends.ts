import { familyOf } from '../../resources/addresses.js';
import type { Member } from '../../resources/model.js';
import { refusal, shown } from '../../resources/problem.js';
import { at, type Location, type Origins } from '../origins.js';
import type { Resource, Resources } from './resources.js';
import type { BackendRef, EndpointSlice, ServiceSpec } from './schema.js';

/** One place that a backend serves at. */
export interface Endpoint {
  /** Literal address or host name. */
  readonly host: string;
  readonly port: number;
  readonly admin: Member['admin'];
  /** Unique among the endpoints of a route. */
  readonly name: string;
}

/** Addresses of backends that are known to whoever reads the documents, by `namespace/name` or by name alone. */
export type BackendAddresses = ReadonlyMap<string, readonly string[]>;

/** Where a backend reference is looked up. */
export interface BackendLookup {
  readonly resources: Resources;
  readonly addresses: BackendAddresses;
  readonly origins: Origins;
}

/** What refers to a backend. */
export interface Reference {
  readonly ref: BackendRef;
  readonly place: Location;
  /** The route. */
  readonly from: Resource<unknown>;
}

/**
 * The endpoints of a backend: itself if its name is an address; the addresses that are given for it; what the
 * EndpointSlices of its Service list; else its name in the DNS, with its namespace if it has one.
 */
export function endpointsOf(reference: Reference, lookup: BackendLookup): Endpoint[] {
  const { ref, from } = reference;
  const namespace = ref.namespace ?? from.namespace;
  const own = namespace === from.namespace ? ref.name : `${namespace}/${ref.name}`;
  const endpoint = (host: string, port = ref.port, admin: Member['admin'] = 'enabled'): Endpoint => ({
    ...{ host, port, admin },
    name: `${host === ref.name ? '' : `${own}/`}${familyOf(host) === 6 ? `[${host}]` : host}:${port}`,
  });
  if (familyOf(ref.name) !== null) return [endpoint(ref.name)];
  const given = lookup.addresses.get(`${namespace ?? ''}/${ref.name}`) ?? lookup.addresses.get(ref.name);
  if (given !== undefined) return given.map((address) => endpoint(address));
  const inSameNamespace = (resource: Resource<unknown>) => resource.namespace === namespace;
  const service = lookup.resources.services.find((one) => inSameNamespace(one) && one.name === ref.name);
  const slices = lookup.resources.slices.filter(
    (one) => inSameNamespace(one) && one.labels[SERVICE_LABEL] === ref.name,
  );
  if (service?.spec.type === 'ExternalName' && service.spec.externalName !== undefined) {
    return [{ ...endpoint(service.spec.externalName), name: `${own}:${ref.port}` }];
  }
  if (service !== undefined || slices.length > 0)
    return endpointsOfSlices(reference, service, slices, lookup, endpoint);
  const host = namespace === null ? ref.name : `${ref.name}.${namespace}`;
  return [{ ...endpoint(host), name: `${own}:${ref.port}` }];
}

/** A route may refer to another namespace only if that namespace says so. */
export function refuseForeignBackend({ ref, place, from }: Reference, { resources, origins }: BackendLookup): void {
  const { namespace = from.namespace } = ref;
  if (namespace === from.namespace) return;
  const isGranted = resources.grants.some(
    (grant) =>
      grant.namespace === namespace &&
      grant.spec.from.some(({ kind, namespace: origin }) => kind === from.kind && origin === from.namespace) &&
      grant.spec.to.some(({ kind, name }) => kind === ref.kind && (name === undefined || name === ref.name)),
  );
  if (isGranted) return;
  const expected = `a namespace whose ReferenceGrant lets ${from.kind} of ${shown(from.namespace)} in`;
  origins.refuse(at(place, 'namespace'), refusal(namespace, expected));
}

const SERVICE_LABEL = 'kubernetes.io/service-name';

type MakeEndpoint = (host: string, port: number, admin: Member['admin']) => Endpoint;

function endpointsOfSlices(
  { ref, place, from }: Reference,
  service: Resource<ServiceSpec> | undefined,
  slices: readonly Resource<EndpointSlice>[],
  { origins }: BackendLookup,
  endpoint: MakeEndpoint,
): Endpoint[] {
  const protocol = from.kind === 'UDPRoute' ? 'UDP' : 'TCP';
  const ports = service?.spec.ports.filter((port) => port.protocol === protocol) ?? [];
  const servicePort = ports.find(({ port }) => port === ref.port);
  if (service !== undefined && servicePort === undefined) {
    const known = ports.map(({ port }) => port).join(', ') || 'none';
    origins.refuse(at(place, 'port'), refusal(ref.port, `a ${protocol} port of the Service: ${known}`));
    return [];
  }
  const found = slices.flatMap(({ spec }) => {
    const port = portOf(spec, servicePort?.name ?? null, protocol, ref.port);
    return port === null ? [] : (spec.endpoints ?? []).map((one) => endpoint(one.addresses[0]!, port, adminOf(one)));
  });
  const unique = [...new Map(found.map((one) => [one.name, one])).values()];
  if (unique.length === 0)
    origins.note(at(place, 'name'), `${shown(ref.name)} has no endpoint for ${protocol} ${ref.port}`);
  return unique;
}

/** The endpoints' port: that of the Service port's name, or of the number, or the slice's only one of the protocol. */
function portOf({ ports }: EndpointSlice, name: string | null, protocol: string, number: number): number | null {
  const candidates = (ports ?? []).filter((one) => (one.protocol ?? 'TCP') === protocol);
  const chosen =
    name === null
      ? (candidates.find(({ port }) => port === number) ?? (candidates.length === 1 ? candidates[0] : undefined))
      : candidates.find((one) => (one.name ?? '') === name);
  return chosen === undefined ? null : (chosen.port ?? number);
}

/** An endpoint that is not ready keeps its place in the pool, so that its way back moves no other flow. */
function adminOf({ conditions }: NonNullable<EndpointSlice['endpoints']>[number]): Member['admin'] {
  const ready = conditions?.ready ?? true;
  if (ready) return 'enabled';
  return conditions?.terminating === true && conditions.serving === true ? 'draining' : 'disabled';
}
