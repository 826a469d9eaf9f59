import { z } from 'zod';
import { checkPartsShape } from '../check-parts.js';

/** The form's range of a port; also where the model would say the same. */
const port = z.int().min(1).max(65_535);
const seconds = (max: number) => z.int().min(1).max(max);

/** YAML reads `name: 80` as a number; the form means text. */
const name = z.preprocess((value) => (typeof value === 'number' ? String(value) : value), z.string());

/** One text, or a list of them. */
const texts = z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(z.string())).default([]);

/** A block that is left empty is as good as absent. */
function optionalBlock<Schema extends z.ZodType>(schema: Schema) {
  const isEmpty = (value: unknown) =>
    value === undefined ||
    (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0);
  return z.preprocess((value) => (isEmpty(value) ? null : value), schema.nullable());
}

const sourcesSchema = z
  .union([
    z.array(z.string()).transform((prefixes) => ({ kind: 'inline' as const, prefixes })),
    z.strictObject({ list: z.string() }).transform(({ list }) => ({ kind: 'track' as const, track: list })),
  ])
  .nullable()
  .default(null);

const healthCheckSchema = z.strictObject({
  protocol: z.string().optional(),
  port: port.optional(),
  start_available: z.boolean().default(false),
  probe: z.strictObject({
    check_interval: seconds(65_535),
    timeout: seconds(255),
    success_count: seconds(255),
    failure_count: seconds(255).default(1),
  }),
  ...checkPartsShape,
});

const dnsSchema = z.strictObject({
  servers: z.array(z.string()).default([]),
  ttl: z.int().min(0).max(604_800).default(0),
  members: z.enum(['one', 'all']).default('one'),
});

const upstreamSchema = z.strictObject({
  name,
  protocol: z.string().optional(),
  host: z.string(),
  port,
  weight: z.int().min(1).max(100).default(1),
  backup: z.boolean().default(false),
  state: z.enum(['enabled', 'draining', 'disabled']).default('enabled'),
  health_check: optionalBlock(healthCheckSchema),
  dns: optionalBlock(dnsSchema),
});

const groupSchema = z.strictObject({
  name,
  distribution: z.enum([
    ...(['round-robin', 'weighted', 'random', 'ip-src-hash-based', 'least-latency'] as const),
    ...(['least-connections', 'maglev'] as const),
  ]),
  upstreams: z.array(upstreamSchema).min(1),
  persistence: optionalBlock(
    z.strictObject({ ttl: seconds(86_400).default(3_600), clients_max: z.int().default(65_536) }),
  ),
  passive_check: optionalBlock(
    z.strictObject({
      consecutive_failures: z.int().default(3),
      ejection_time: seconds(86_400).default(30),
      max_ejection_percent: z.int().default(50),
    }),
  ),
  slow_start: z.int().min(0).max(3_600).default(0),
  when_none_available: z.enum(['reject', 'open']).default('reject'),
  drain_time: seconds(604_800).nullable().default(null),
});

const targetSchema = z.strictObject({
  name,
  protocol: z.enum(['tcp', 'udp', 'sctp', 'http']),
  ip: texts,
  port,
  interface: texts,
  upstream_group: groupSchema,
  mode: z.enum(['nat', 'dsr-l2', 'dsr-l3']).default('nat'),
  acceleration: z.enum(['off', 'auto', 'require']).default('off'),
  client_address: z.enum(['keep', 'translate']).optional(),
  source_address: texts,
  proxy_protocol: z.enum(['v1', 'v2']).nullable().default(null),
  allow: sourcesSchema,
  block: sourcesSchema,
  mirror: z.string().nullable().default(null),
  local: z.boolean().default(false),
  rate_limit: z
    .strictObject({
      new_connections: z.number().nullable().default(null),
      burst: z.number().optional(),
      connections: z.number().nullable().default(null),
      connections_per_upstream: z.number().nullable().default(null),
    })
    .prefault({}),
  timeouts: z
    .strictObject({
      connect: seconds(3_600).nullable().default(null),
      idle: seconds(432_000).nullable().default(null),
      on_idle: z.enum(['release', 'reset']).default('release'),
    })
    .prefault({}),
});

/** The file: a list of engines with their targets, as Lobby's pages show it, and the fields of its missing features. */
export const lobbySchema = z.strictObject({
  lb: z
    .array(
      z.strictObject({
        engine: z.enum(['nftables']),
        priority: z.int().optional(),
        targets: z.array(targetSchema),
      }),
    )
    .min(1),
});

export type LobbyTarget = z.output<typeof targetSchema>;
export type LobbyGroup = z.output<typeof groupSchema>;
export type LobbyUpstream = z.output<typeof upstreamSchema>;
export type LobbyHealthCheck = z.output<typeof healthCheckSchema>;
