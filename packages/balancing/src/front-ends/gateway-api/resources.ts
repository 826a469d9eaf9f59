import { z } from 'zod';
import { ResourceError, type ResourceProblem, refusal } from '../../resources/problem.js';
import { checkShape } from '../../resources/shape.js';
import { at, type Location } from '../origins.js';
import { type PolicySpec, policySpec } from './policy-schema.js';
import {
  type EndpointSlice,
  endpointSlice,
  GATEWAY_GROUP,
  type GatewaySpec,
  gatewaySpec,
  type ReferenceGrantSpec,
  type RouteSpec,
  referenceGrantSpec,
  routeSpec,
  type ServiceSpec,
  serviceSpec,
} from './schema.js';

/** A resource and where it stands in the source. */
export interface Resource<Spec> {
  readonly place: Location;
  readonly kind: string;
  readonly name: string;
  /** Null: none is given. */
  readonly namespace: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: Spec;
}

/** All resources of one source, by kind, in the order that they were written. */
export interface Resources {
  readonly gateways: Resource<GatewaySpec>[];
  readonly routes: Resource<RouteSpec>[];
  readonly policies: Resource<PolicySpec>[];
  readonly services: Resource<ServiceSpec>[];
  readonly slices: Resource<EndpointSlice>[];
  readonly grants: Resource<ReferenceGrantSpec>[];
}

interface Kind {
  readonly versions: readonly string[];
  /** Of `spec`, or of the whole where a kind has none. */
  readonly schema: z.ZodType;
  readonly hasSpec: boolean;
  readonly collection: keyof Resources;
}

const GATEWAY_VERSIONS = ['v1', 'v1beta1', 'v1alpha2'].map((version) => `${GATEWAY_GROUP}/${version}`);

const KINDS: Readonly<Record<string, Kind>> = {
  Gateway: { versions: GATEWAY_VERSIONS, schema: gatewaySpec, hasSpec: true, collection: 'gateways' },
  TCPRoute: { versions: GATEWAY_VERSIONS, schema: routeSpec, hasSpec: true, collection: 'routes' },
  UDPRoute: { versions: GATEWAY_VERSIONS, schema: routeSpec, hasSpec: true, collection: 'routes' },
  ReferenceGrant: { versions: GATEWAY_VERSIONS, schema: referenceGrantSpec, hasSpec: true, collection: 'grants' },
  L4LoadBalancerPolicy: {
    versions: ['networking.datum.net/v1alpha'],
    schema: policySpec,
    hasSpec: true,
    collection: 'policies',
  },
  Service: { versions: ['v1'], schema: serviceSpec, hasSpec: true, collection: 'services' },
  EndpointSlice: { versions: ['discovery.k8s.io/v1'], schema: endpointSlice, hasSpec: false, collection: 'slices' },
};

const metadataSchema = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
});

/**
 * Sorts documents by kind; a `List` is as good as its items.
 *
 * @throws ResourceError with everything that is no known resource.
 */
export function readResources(documents: readonly unknown[]): Resources {
  const resources: Resources = { gateways: [], routes: [], policies: [], services: [], slices: [], grants: [] };
  const problems = documents.flatMap((value, document) => readOne(value, { document, path: [] }, resources));
  for (const collection of Object.values(resources)) problems.push(...duplicates(collection));
  if (problems.length > 0) throw new ResourceError(problems);
  return resources;
}

function readOne(value: unknown, place: Location, into: Resources): ResourceProblem[] {
  const document = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (document['kind'] === 'List' && Array.isArray(document['items'])) {
    return document['items'].flatMap((item, index) => readOne(item, at(place, 'items', index), into));
  }
  const kind = typeof document['kind'] === 'string' ? document['kind'] : '';
  const known = Object.hasOwn(KINDS, kind) ? KINDS[kind]! : null;
  if (known === null) {
    const message = refusal(document['kind'], `one of ${Object.keys(KINDS).join(', ')}`);
    return [{ ...at(place, 'kind'), message }];
  }
  if (!known.versions.includes(String(document['apiVersion']))) {
    const expected = known.versions.length === 1 ? known.versions[0]! : `one of ${known.versions.join(', ')}`;
    return [{ ...at(place, 'apiVersion'), message: refusal(document['apiVersion'], expected) }];
  }
  return readKnown(document, kind, known, place, into);
}

function readKnown(
  document: Record<string, unknown>,
  kind: string,
  { schema, hasSpec, collection }: Kind,
  place: Location,
  into: Resources,
): ResourceProblem[] {
  // What the API server adds stands beside the specification.
  const head = { apiVersion: z.string(), kind: z.string(), metadata: metadataSchema };
  const frame = hasSpec
    ? z.strictObject({ ...head, spec: z.unknown().optional(), status: z.unknown().optional() })
    : z.looseObject(head);
  const outside = checkShape(frame, document, place.document, place.path);
  const inside = hasSpec
    ? checkShape(schema, document['spec'], place.document, [...place.path, 'spec'])
    : checkShape(schema, document, place.document, place.path);
  if (!outside.ok || !inside.ok) return [outside, inside].flatMap((result) => (result.ok ? [] : result.problems));
  const { name, namespace = null, labels } = outside.value.metadata;
  (into[collection] as Resource<unknown>[]).push({ place, kind, name, namespace, labels, spec: inside.value });
  return [];
}

function duplicates(collection: readonly Resource<unknown>[]): ResourceProblem[] {
  const seen = new Set<string>();
  return collection.flatMap(({ place, kind, name, namespace }) => {
    const key = `${kind} ${namespace ?? ''}/${name}`;
    const isNew = !seen.has(key);
    seen.add(key);
    const message = refusal(name, `a name that no other ${kind} of the namespace has`);
    return isNew ? [] : [{ ...at(place, 'metadata', 'name'), message }];
  });
}
