import { createHash } from 'node:crypto';
import { loadConfig } from '@higgins/service';
import { type ExpiryMode, NameError, parsePath } from '@higgins/signals';
import { z } from 'zod';
import { LISTS_MAX, RELAYS_MAX } from './limits.js';
import type { Enforcement } from './targets/nft/model.js';
import { listId } from './targets/nft/names.js';

const EXPIRY_MODES = ['open', 'closed', 'hold', 'unset'] as const satisfies readonly ExpiryMode[];

const port = z.int().min(1).max(65_535);

const trackPath = z.string().check((context) => {
  try {
    parsePath(context.value);
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    context.issues.push({ code: 'custom', message: error.message, input: context.value });
  }
});

/** One list and what it does. Static: a change takes effect at the next start. */
const listSchema = z.strictObject({
  /** Path of the list's track, such as `org/acme/lists/blocked`. */
  track: trackPath,
  /** Takes the list from this file instead of the bus: one address or prefix per line. */
  file: z.string().min(1).optional(),
  /** The list expires so long after the file was last modified (touching it renews); default never. */
  fileTtlMs: z
    .int()
    .min(100)
    .max(366 * 86_400_000)
    .optional(),
  /** Names the list's sets and chains in nft; default is made of the track. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,39}$/, 'expected up to 40 lower-case letters, digits and _, a letter first')
    .optional(),
  /** `block`: what is listed is refused. `allow`: only what is listed passes. */
  action: z.enum(['block', 'allow']).default('block'),
  /** How packets are refused. */
  refusal: z.enum(['drop', 'reject']).default('drop'),
  hook: z.enum(['prerouting', 'input', 'forward', 'output']).default('input'),
  /** As in nft: lower comes first; -150 is `mangle`, before destination NAT. */
  priority: z.int().min(-1_000).max(1_000).default(-150),
  /** Default is the destination for the hook `output`, else the source. */
  match: z.enum(['source', 'destination']).optional(),
  /** Input interfaces (output interfaces for the hook `output`); default all. */
  interfaces: z
    .array(z.string().regex(/^[^\s/"]{1,15}$/, 'expected an interface name of up to 15 characters'))
    .max(64)
    .default([]),
  /** Destination ports by protocol; default all packets. */
  ports: z
    .strictObject({ tcp: z.array(port).max(256).default([]), udp: z.array(port).max(256).default([]) })
    .default({ tcp: [], udp: [] }),
  /** Overrides the expiry mode that travels in the list, and holds before the first value arrives. */
  onExpiry: z.enum(EXPIRY_MODES).optional(),
});

const relaySchema = z.strictObject({
  /** `moqt://host:port` for raw QUIC, `https://host:port/path` for WebTransport. */
  url: z.url({ protocol: /^(moqt|https)$/, error: 'expected moqt://HOST:PORT or https://HOST:PORT/PATH' }),
});

const tlsSchema = z.strictObject({
  /** PEM file with the authorities that relays' certificates are checked against; default the system's. */
  caFile: z.string().min(1).optional(),
  certificateFile: z.string().min(1).optional(),
  keyFile: z.string().min(1).optional(),
});

/** The agent's configuration file. Every field is static: a change takes effect at the next start. */
export const agentConfigSchema = z
  .strictObject({
    /** Names this PoP in acknowledgements. */
    pop: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}$/, 'expected up to 63 letters, digits, - _ and .'),
    /** Where last-good values are kept; one agent per directory. */
    stateDirectory: z.string().min(1),
    /** In order of preference. Empty: lists come from files alone. */
    relays: z.array(relaySchema).max(RELAYS_MAX).default([]),
    tls: tlsSchema.default({}),
    nft: z
      .strictObject({
        table: z
          .string()
          .regex(/^[A-Za-z][A-Za-z0-9_]{0,30}$/, 'expected up to 31 letters, digits and _')
          .default('higgins'),
      })
      .default({ table: 'higgins' }),
    lists: z.array(listSchema).min(1).max(LISTS_MAX),
    /** Prometheus metrics, liveness and readiness; off unless given. */
    operations: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535) }).optional(),
    /** Unix socket that serves the lists to local programs; off unless given. */
    localSocket: z.string().min(1).max(107).optional(),
    logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .check((context) => {
    for (const { path, message } of contradictions(context.value)) {
      context.issues.push({ code: 'custom', path, message, input: context.value });
    }
  });

/** A checked configuration, defaults filled in. */
export type AgentConfig = z.output<typeof agentConfigSchema>;
/** A configuration as written, for programs that start an agent themselves. */
export type AgentConfigInput = z.input<typeof agentConfigSchema>;
/** One list of a checked configuration. */
export type ListConfig = AgentConfig['lists'][number];

/**
 * Reads and checks a configuration file.
 *
 * @throws ConfigError naming each field that is wrong, its line and what was expected
 */
export function loadAgentConfig(path: string): AgentConfig {
  return loadConfig(agentConfigSchema, path);
}

/** As `loadAgentConfig`, and forgets the result: what `validate-config` does. */
export function validateAgentConfig(path: string): void {
  loadAgentConfig(path);
}

/** What a list of the configuration does in the nft target. */
export function enforcementOf(list: ListConfig): Enforcement {
  return {
    id: list.name ?? listId(list.track, createHash('sha256').update(list.track).digest('hex')),
    hook: list.hook,
    priority: list.priority,
    interfaces: list.interfaces,
    ports: list.ports,
    match: list.match ?? (list.hook === 'output' ? 'destination' : 'source'),
    action: list.action,
    refusal: list.refusal,
    initialExpiry: list.onExpiry ?? 'unset',
  };
}

interface Contradiction {
  readonly path: (string | number)[];
  readonly message: string;
}

function contradictions(config: {
  lists: ListConfig[];
  relays: unknown[];
  tls: z.output<typeof tlsSchema>;
}): Contradiction[] {
  const found: Contradiction[] = [];
  const ids = new Set<string>();
  const sources = new Map<string, string | undefined>();
  config.lists.forEach((list, index) => {
    const { id } = enforcementOf(list);
    if (ids.has(id))
      found.push({ path: ['lists', index], message: `another list is named ${id} in nft: give one of them a name` });
    ids.add(id);
    if (sources.has(list.track) && sources.get(list.track) !== list.file) {
      found.push({
        path: ['lists', index, 'file'],
        message: `the track ${list.track} has another source in a list before`,
      });
    }
    sources.set(list.track, list.file);
    if (list.fileTtlMs !== undefined && list.file === undefined) {
      found.push({ path: ['lists', index, 'fileTtlMs'], message: 'the list has no file that it could be the TTL of' });
    }
    if (list.file === undefined && config.relays.length === 0) {
      found.push({
        path: ['lists', index, 'track'],
        message: 'the list has no file and there are no relays to take it from',
      });
    }
  });
  if ((config.tls.certificateFile === undefined) !== (config.tls.keyFile === undefined)) {
    found.push({ path: ['tls'], message: 'certificateFile and keyFile go together' });
  }
  return found;
}
