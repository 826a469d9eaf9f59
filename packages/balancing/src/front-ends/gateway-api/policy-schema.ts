import { z } from 'zod';
import { checkPartsShape } from '../check-parts.js';
import { duration } from './duration.js';
import { GATEWAY_GROUP } from './schema.js';

const sources = z
  .union([
    z.array(z.string()).transform((prefixes) => ({ kind: 'inline' as const, prefixes })),
    z.strictObject({ list: z.string() }).transform(({ list }) => ({ kind: 'track' as const, track: list })),
  ])
  .nullable()
  .default(null);

const activeHealthCheck = z.strictObject({
  protocol: z.enum(['TCP', 'HTTP', 'HTTPS', 'UDP', 'TLS', 'custom']),
  /** For `custom`: the type that the operator registered. */
  type: z.string().optional(),
  port: z.number().nullable().default(null),
  interval: duration.default(10_000),
  timeout: duration.optional(),
  unhealthyThreshold: z.number().default(3),
  healthyThreshold: z.number().default(2),
  ...checkPartsShape,
});

const passiveHealthCheck = z.strictObject({
  consecutiveFailures: z.number().default(3),
  ejectionDuration: duration.default(30_000),
  maxEjectionPercent: z.number().default(50),
});

/** Everything that `L4LoadBalancerPolicy` says, the specification's fields and those of the decisions on it. */
export const policySpec = z.strictObject({
  targetRef: z.strictObject({
    group: z.enum([GATEWAY_GROUP]),
    kind: z.enum(['Gateway']),
    name: z.string(),
    sectionName: z.string().optional(),
  }),
  algorithm: z
    .enum(['round-robin', 'least-connections', 'ip-hash', 'weighted-round-robin', 'random', 'maglev'])
    .default('maglev'),
  sessionPersistence: z
    .strictObject({
      enabled: z.boolean(),
      type: z.enum(['source-ip']).default('source-ip'),
      ttl: duration.default(3_600_000),
      maxEntries: z.number().default(65_536),
    })
    .prefault({ enabled: false }),
  activeHealthCheck: activeHealthCheck.nullable().default(null),
  passiveHealthCheck: passiveHealthCheck.nullable().default(null),
  connectionLimits: z
    .strictObject({
      maxConnectionsPerBackend: z.number().nullable().default(null),
      connectionRateLimit: z.number().nullable().default(null),
      burst: z.number().optional(),
      maxConnections: z.number().nullable().default(null),
    })
    .prefault({}),
  proxyProtocol: z
    .strictObject({ enabled: z.boolean(), version: z.enum(['v1', 'v2']).default('v2') })
    .prefault({ enabled: false }),
  timeouts: z
    .strictObject({
      connect: duration.nullable().default(null),
      idle: duration.nullable().default(null),
      backendConnect: duration.nullable().default(null),
      onIdle: z.enum(['release', 'reset']).default('release'),
    })
    .prefault({}),
  whenNoneHealthy: z.enum(['open', 'reject']).default('open'),
  slowStart: duration.default(0),
  drainTimeout: duration.nullable().default(null),
  dataPath: z.enum(['nat', 'dsr-l2', 'dsr-l3', 'proxy']).default('nat'),
  acceleration: z.enum(['off', 'auto', 'require']).default('off'),
  dsrCheck: z.enum(['off', 'warn', 'enforce']).default('enforce'),
  clientAddress: z.enum(['keep', 'translate']).default('keep'),
  sourceAddresses: z.array(z.string()).default([]),
  allow: sources,
  block: sources,
  announcement: z
    .strictObject({ communities: z.array(z.string()).default([]) })
    .nullable()
    .default(null),
});

export type PolicySpec = z.output<typeof policySpec>;
