import { loadConfig } from '@higgins/service';
import { z } from 'zod';
import { DEFAULT_LIMITS, type RelayLimits } from '../core/index.js';

const port = z.number().int().min(0).max(65_535);
const file = z.string().min(1);
const milliseconds = z.number().int().min(0);

function limit(field: keyof RelayLimits) {
  return z.number().int().min(1).default(DEFAULT_LIMITS[field]);
}

const limits = z.strictObject({
  sessionsMax: limit('sessionsMax').describe('Sessions at once. Static.'),
  sessionsPerSecondMax: limit('sessionsPerSecondMax').describe('Sessions that are let in per second. Static.'),
  tracksMax: limit('tracksMax').describe('Tracks known at once, subscribed or cached. Static.'),
  subscriptionsPerSessionMax: limit('subscriptionsPerSessionMax').describe('Subscriptions of one session. Static.'),
  fetchesPerSessionMax: limit('fetchesPerSessionMax').describe('Open fetches of one session. Static.'),
  namespacesPerSessionMax: limit('namespacesPerSessionMax').describe('Namespaces that one session announces. Static.'),
  publicationsPerSessionMax: limit('publicationsPerSessionMax').describe(
    'Tracks that one session may PUBLISH. Static.',
  ),
  discoveryBacklogBytes: limit('discoveryBacklogBytes').describe(
    'Unacknowledged bytes from which on a SUBSCRIBE_NAMESPACE is ended instead of answered. Static.',
  ),
  cacheBytesMax: limit('cacheBytesMax').describe('Bytes of the cache, bookkeeping included. Static.'),
  trackHistoryBytesMax: limit('trackHistoryBytesMax').describe(
    'Cached bytes of one track beyond its newest complete group. Static.',
  ),
  trackHistoryMs: limit('trackHistoryMs').describe('How long a superseded group is kept, in ms. Static.'),
  conflationBacklogBytes: limit('conflationBacklogBytes').describe(
    'Unacknowledged bytes from which on a subscription that allows it skips to the newest group. Static.',
  ),
  subscriptionBacklogBytes: limit('subscriptionBacklogBytes').describe(
    'Unacknowledged bytes from which on objects of any other subscription wait in the cache. Static.',
  ),
  behindGroupsMax: limit('behindGroupsMax').describe('Groups behind, beyond which a subscription ends. Static.'),
  behindMsMax: limit('behindMsMax').describe('Time behind, beyond which a subscription ends, in ms. Static.'),
  fetchBacklogBytes: limit('fetchBacklogBytes').describe('Unacknowledged bytes that pause a fetch. Static.'),
  rendezvousMsMax: limit('rendezvousMsMax').describe('Longest wait for a publisher, in ms. Static.'),
  fillMsMax: limit('fillMsMax').describe('Longest wait of a fetch for upstream objects, in ms. Static.'),
  resumeHoldBytesMax: limit('resumeHoldBytesMax').describe(
    'Bytes of new objects that wait while a resumed subscription recovers older ones. Static.',
  ),
  lingerMs: limit('lingerMs').describe(
    'How long an upstream subscription outlives its last subscriber, in ms. Static.',
  ),
});

const upstream = z
  .strictObject({
    url: z
      .string()
      .regex(/^(moqt|https):\/\/[^/]+/, 'expected moqt://host:port/ or https://host:port/path')
      .describe('moqt:// is raw QUIC, https:// is WebTransport. Static.'),
    authorities: file.optional().describe('PEM file; default: tls.clientAuthorities, else the system. Static.'),
    certificate: file.optional().describe('PEM file of our certificate there; default: tls.certificate. Static.'),
    privateKey: file.optional().describe('PEM file of its key; default: tls.privateKey. Static.'),
    insecure: z.boolean().default(false).describe('Accepts any certificate: for tests only. Static.'),
  })
  .refine((value) => (value.certificate === undefined) === (value.privateKey === undefined), {
    message: 'certificate and privateKey go together: expected both or none',
  });

/** The relay's configuration file: one schema for types, checks and the reference. Files are named relative to the process. */
export const relayConfigSchema = z.strictObject({
  listen: z
    .strictObject({
      host: z.string().min(1).default('::').describe('Address or name to listen on. Static.'),
      port: port.default(4443).describe('UDP port for raw QUIC and WebTransport; 0 picks a free one. Static.'),
    })
    .prefault({}),
  tls: z.strictObject({
    certificate: file.describe('PEM file of the certificate chain. Reloadable (SIGHUP).'),
    privateKey: file.describe('PEM file of its key. Reloadable (SIGHUP).'),
    clientAuthorities: file
      .optional()
      .describe('PEM file of the authorities that clients are judged by. Reloadable (SIGHUP).'),
  }),
  anonymous: z.boolean().default(false).describe('Admits clients without a trusted certificate. Static.'),
  upstreams: z.array(upstream).max(16).default([]).describe('Relays above, in order of preference. Static.'),
  admin: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1').describe('Address of metrics, health and admin API. Static.'),
      port: port.describe('TCP port; 0 picks a free one. Static.'),
    })
    .optional()
    .describe('No endpoint if absent.'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('Severity. Static.'),
    })
    .prefault({}),
  drainMs: milliseconds.max(14_000).default(5_000).describe('How long clients get to leave on SIGTERM, in ms. Static.'),
  keepAliveMs: milliseconds.min(100).optional().describe('Default: 1 s, and 10 s with anonymous clients. Static.'),
  idleTimeoutMs: milliseconds.min(200).optional().describe('Default: 4 s, and 30 s with anonymous clients. Static.'),
  limits: limits.prefault({}),
});

/** A checked configuration with its defaults. */
export type RelayConfig = z.output<typeof relayConfigSchema>;

/** What a caller may leave out. */
export type RelayConfigInput = z.input<typeof relayConfigSchema>;

/**
 * Reads and checks a configuration file.
 *
 * @throws ConfigError naming every problem with its line
 */
export function loadRelayConfig(path: string): RelayConfig {
  return loadConfig(relayConfigSchema, path);
}
