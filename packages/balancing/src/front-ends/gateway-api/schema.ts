import { z } from 'zod';

/** The API group of gateways and routes. */
export const GATEWAY_GROUP = 'gateway.networking.k8s.io';

/** Gateway classes that this balancer is. */
export const GATEWAY_CLASSES = ['higgins', 'datum-cilium'] as const;

const port = z.int().min(1).max(65_535);
/** The Gateway API's own limit of a weight; the model's is kept by scaling. */
const WEIGHT_MAX = 1_000_000;

export const gatewaySpec = z.strictObject({
  gatewayClassName: z.enum(GATEWAY_CLASSES),
  addresses: z
    .array(z.strictObject({ type: z.enum(['IPAddress']).default('IPAddress'), value: z.string() }))
    .default([]),
  listeners: z
    .array(
      z.strictObject({
        name: z.string(),
        protocol: z.enum(['TCP', 'UDP']),
        port,
        allowedRoutes: z
          .strictObject({
            namespaces: z.strictObject({ from: z.enum(['Same', 'All', 'None']).default('Same') }).prefault({}),
            kinds: z
              .array(z.strictObject({ group: z.enum([GATEWAY_GROUP]).default(GATEWAY_GROUP), kind: z.string() }))
              .default([]),
          })
          .prefault({}),
      }),
    )
    .min(1)
    .max(64),
});

export const routeSpec = z.strictObject({
  parentRefs: z
    .array(
      z.strictObject({
        group: z.enum([GATEWAY_GROUP]).default(GATEWAY_GROUP),
        kind: z.enum(['Gateway']).default('Gateway'),
        namespace: z.string().optional(),
        name: z.string(),
        sectionName: z.string().optional(),
        port: port.optional(),
      }),
    )
    .min(1)
    .max(32),
  rules: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        backendRefs: z
          .array(
            z.strictObject({
              group: z.enum(['']).default(''),
              kind: z.enum(['Service']).default('Service'),
              namespace: z.string().optional(),
              name: z.string(),
              port,
              weight: z.int().min(0).max(WEIGHT_MAX).default(1),
            }),
          )
          .min(1)
          .max(16),
      }),
    )
    .length(1),
});

/** Kubernetes' own objects come as its API gives them: what is not needed is not looked at. */
export const serviceSpec = z.looseObject({
  type: z.string().default('ClusterIP'),
  externalName: z.string().optional(),
  ports: z
    .array(z.looseObject({ name: z.string().default(''), port, protocol: z.string().default('TCP') }))
    .default([]),
});

export const endpointSlice = z.looseObject({
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
  ports: z
    .array(
      z.looseObject({
        name: z.string().nullable().default(''),
        port: port.nullable().optional(),
        protocol: z.string().nullable().default('TCP'),
      }),
    )
    .nullable()
    .default([]),
  endpoints: z
    .array(
      z.looseObject({
        addresses: z.array(z.string()).min(1),
        conditions: z
          .looseObject({
            ready: z.boolean().nullable().optional(),
            serving: z.boolean().nullable().optional(),
            terminating: z.boolean().nullable().optional(),
          })
          .nullable()
          .optional(),
      }),
    )
    .nullable()
    .default([]),
});

export const referenceGrantSpec = z.strictObject({
  from: z.array(z.strictObject({ group: z.string(), kind: z.string(), namespace: z.string() })).min(1),
  to: z.array(z.strictObject({ group: z.string(), kind: z.string(), name: z.string().optional() })).min(1),
});

export type GatewaySpec = z.output<typeof gatewaySpec>;
export type RouteSpec = z.output<typeof routeSpec>;
export type BackendRef = RouteSpec['rules'][number]['backendRefs'][number];
export type ServiceSpec = z.output<typeof serviceSpec>;
export type EndpointSlice = z.output<typeof endpointSlice>;
export type ReferenceGrantSpec = z.output<typeof referenceGrantSpec>;
