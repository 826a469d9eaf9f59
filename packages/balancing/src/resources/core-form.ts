import { z } from 'zod';
import { SOURCE_KEY } from '../flow-key.js';
import { activeCheckSchema } from './core-form-check.js';
import { DEFAULTS, defaultBurst, LOCAL_OWNER } from './defaults.js';
import type { BalancerConfiguration } from './model.js';
import { ResourceError } from './problem.js';
import { checkShape } from './shape.js';
import { type Translation, translated, type ValidationOptions } from './validate.js';

const { listener, pool, member, passiveCheck, chainPriority } = DEFAULTS.core;
const texts = z.array(z.string());
const limit = z.number().nullable().default(null);

const affinitySchema = z.strictObject({
  key: z
    .strictObject({
      fields: z.array(z.enum(['source-address', 'destination-address', 'protocol', 'source-port', 'destination-port'])),
      sourcePrefixLength: z.strictObject({ ipv4: z.number(), ipv6: z.number() }).exactOptional(),
    })
    .default(SOURCE_KEY as { fields: 'source-address'[] }),
  ttlMs: z.number().default(3_600_000),
  entriesMax: z.number().default(65_536),
});

const rateSchema = z.strictObject({ share: z.number(), volumeMin: z.number() }).nullable().default(null);

const passiveCheckSchema = z
  .strictObject({
    consecutiveFailures: z.number().default(passiveCheck.consecutiveFailures),
    failureRate: rateSchema,
    slowRate: rateSchema,
    ejectionMs: z.number().default(passiveCheck.ejectionMs),
    ejectionMsMax: z.number().optional(),
    maxEjectionPercent: z.number().default(passiveCheck.maxEjectionPercent),
    halfOpen: z
      .strictObject({ successes: z.number().default(3), connectionsMax: z.number().default(1) })
      .nullable()
      .default(null),
  })
  .transform((settings) => ({ ...settings, ejectionMsMax: settings.ejectionMsMax ?? 10 * settings.ejectionMs }));

const memberSchema = z.strictObject({
  name: z.string(),
  host: z.string(),
  port: z.number(),
  weight: z.number().default(member.weight),
  priority: z.number().default(member.priority),
  admin: z.enum(['enabled', 'draining', 'disabled']).default(member.admin),
  activeCheck: z
    .union([z.literal('inherit'), activeCheckSchema])
    .nullable()
    .default('inherit'),
  resolution: z
    .strictObject({
      servers: texts.default([]),
      ttlMs: limit,
      members: z.enum(['one', 'all']).default('one'),
    })
    .prefault({}),
});

const poolSchema = z.strictObject({
  name: z.string(),
  algorithm: z
    .enum([
      ...(['maglev', 'random', 'source-hash', 'round-robin', 'weighted-round-robin'] as const),
      ...(['least-connections', 'least-latency'] as const),
    ])
    .default(pool.algorithm),
  tableSize: z
    .literal([251, 509, 1021, 2039, 4093, 8191, 16_381, 32_749, 65_521, 65_537, 131_071])
    .nullable()
    .default(null),
  affinity: affinitySchema.nullable().default(null),
  activeCheck: activeCheckSchema.nullable().default(null),
  passiveCheck: passiveCheckSchema.nullable().default(null),
  slowStartMs: z.number().default(pool.slowStartMs),
  panicPercent: z.number().default(pool.panicPercent),
  whenNoneHealthy: z.enum(['reject', 'fail-open']).default(pool.whenNoneHealthy),
  drainMs: limit,
  proxyProtocol: z.enum(['v1', 'v2']).nullable().default(null),
  members: z.array(memberSchema),
});

const sourceListSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('inline'), prefixes: texts }),
    z.strictObject({ kind: z.literal('track'), track: z.string() }),
  ])
  .nullable()
  .default(null);

const listenerSchema = z.strictObject({
  name: z.string(),
  protocol: z.enum(['tcp', 'udp', 'sctp']),
  port: z.number(),
  addresses: texts.default([]),
  interfaces: texts.default([]),
  dataPath: z.enum(['nat', 'dsr-l2', 'dsr-l3', 'proxy']).default(listener.dataPath),
  acceleration: z.enum(['off', 'auto', 'require']).default(listener.acceleration),
  dsrCheck: z.enum(['off', 'warn', 'enforce']).default(listener.dsrCheck),
  rules: z.array(z.strictObject({ match: z.null().default(null), pool: z.string() })),
  limits: z
    .strictObject({
      connectionsPerMember: limit,
      connectionsPerSecond: limit,
      burst: z.number().optional(),
      connections: limit,
    })
    .transform((limits) => ({ ...limits, burst: limits.burst ?? defaultBurst(limits.connectionsPerSecond) }))
    .prefault({}),
  timeouts: z
    .strictObject({
      connectMs: limit,
      idleMs: limit,
      onIdle: z.enum(['release', 'reset']).default(listener.timeouts.onIdle),
      memberConnectMs: limit,
    })
    .prefault({}),
  clientAddress: z.enum(['keep', 'translate']).default(listener.clientAddress),
  sourceAddresses: texts.default([]),
  allow: sourceListSchema,
  block: sourceListSchema,
  mirror: z.string().nullable().default(null),
  localTraffic: z.boolean().default(listener.localTraffic),
});

/** The form's schema: kinds of values and defaults; ranges and everything else are rules of the model. */
export const configurationSchema = z.strictObject({
  loadBalancers: z.array(
    z.strictObject({
      owner: z.string().default(LOCAL_OWNER),
      name: z.string(),
      frontEnd: z.enum(['core', 'lobby', 'gateway-api']).default('core'),
      addresses: texts.default([]),
      seed: limit,
      chainPriority: z.number().default(chainPriority),
      announcement: z
        .strictObject({ communities: texts.default([]) })
        .nullable()
        .default(null),
      listeners: z.array(listenerSchema),
      pools: z.array(poolSchema),
    }),
  ),
});

/**
 * Reads the core's own form, which is the resource model as it stands: durations in milliseconds, what is left out has the
 * defaults of the model, bytes are text or `{ hex: '00ff' }`.
 *
 * @throws ResourceError naming every field that is unknown, missing, of the wrong kind, out of range or contradictory.
 */
export function readConfiguration(value: unknown, options: ValidationOptions = {}): Translation {
  const result = checkShape(configurationSchema, value);
  if (!result.ok) throw new ResourceError(result.problems);
  const configuration: BalancerConfiguration = result.value;
  return translated(configuration, options);
}
