import { createHash } from 'node:crypto';
import { loadConfig } from '@higgins/service';
import { type ExpiryMode, NameError, parsePath } from '@higgins/signals';
import { z } from 'zod';
import { isListTrack } from './io/bus-source.js';
import { LISTS_MAX, RELAYS_MAX } from './limits.js';
import type { Enforcement } from './targets/nft/model.js';
import { listId } from './targets/nft/names.js';

const EXPIRY_MODES = ['open', 'closed', 'hold', 'unset'] as const satisfies readonly ExpiryMode[];

const file = z.string().min(1);

const ports = z.array(z.int().min(1).max(65_535)).max(256).default([]);

const trackPath = z.string().check((context) => {
  try {
    parsePath(context.value);
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    context.issues.push({ code: 'custom', message: error.message, input: context.value });
  }
});

const listSchema = z.strictObject({
  track: trackPath.describe("Path of the list's track, such as org/acme/lists/blocked. Static."),
  file: file
    .optional()
    .describe(
      'Takes the list from this file, not from the bus: one address or prefix per line. Static; its content is watched.',
    ),
  fileTtlMs: z
    .int()
    .min(100)
    .max(366 * 86_400_000)
    .optional()
    .describe(
      'The list expires so long after the file was last modified, which touching it renews; default never. Static.',
    ),
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,39}$/, 'expected up to 40 lower-case letters, digits and _, a letter first')
    .optional()
    .describe("Names the list's sets and chains in nft; default is made of the track. Static."),
  action: z
    .enum(['block', 'allow'])
    .default('block')
    .describe('block: what is listed is refused; allow: only what is listed passes. Static.'),
  refusal: z.enum(['drop', 'reject']).default('drop').describe('How packets are refused. Static.'),
  hook: z
    .enum(['prerouting', 'input', 'forward', 'output'])
    .default('input')
    .describe('Where packets are judged. Static.'),
  priority: z
    .int()
    .min(-1_000)
    .max(1_000)
    .default(-150)
    .describe('As in nft: lower comes first; -150 is mangle, before destination NAT. Static.'),
  match: z
    .enum(['source', 'destination'])
    .optional()
    .describe('Address that is looked up; default the destination for the hook output, else the source. Static.'),
  interfaces: z
    .array(z.string().regex(/^[^\s/"\\]{1,15}$/, 'expected an interface name of up to 15 characters'))
    .max(64)
    .default([])
    .describe('Input interfaces (output interfaces for the hook output); default all. Static.'),
  ports: z
    .strictObject({ tcp: ports, udp: ports })
    .prefault({})
    .describe('Destination ports by protocol; default all packets. Static.'),
  onExpiry: z
    .enum(EXPIRY_MODES)
    .optional()
    .describe('Overrides the expiry mode that travels in the list, and holds before the first value arrives. Static.'),
});

const relaySchema = z.strictObject({
  url: z
    .url({ protocol: /^(moqt|https)$/, error: 'expected moqt://HOST:PORT or https://HOST:PORT/PATH' })
    .describe('moqt:// for raw QUIC, https:// for WebTransport. Static.'),
});

const tlsSchema = z.strictObject({
  authorities: file
    .optional()
    .describe("PEM file of the authorities that relays are judged by; default: the system's. Static."),
  certificate: file.optional().describe('PEM file of our certificate chain, by which relays know us. Static.'),
  privateKey: file.optional().describe('PEM file of its key. Static.'),
  insecure: z.boolean().default(false).describe('Accepts any certificate of a relay: for tests only. Static.'),
});

/** The agent's configuration file: one schema for types, checks and the reference. Files are named relative to the process. */
export const agentConfigSchema = z
  .strictObject({
    pop: z
      .string()
      .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}$/, 'expected up to 63 letters, digits, - _ and .')
      .describe('Names this PoP in acknowledgements. Static.'),
    stateDirectory: file.describe('Where last-good values are kept; one agent per directory. Static.'),
    relays: z
      .array(relaySchema)
      .max(RELAYS_MAX)
      .default([])
      .describe('Relays in order of preference; none: lists come from files alone. Static.'),
    tls: tlsSchema.prefault({}),
    nft: z
      .strictObject({
        table: z
          .string()
          .regex(/^[A-Za-z][A-Za-z0-9_]{0,30}$/, 'expected up to 31 letters, digits and _')
          .default('higgins')
          .describe('Name of the inet table; it is ours alone. Static.'),
      })
      .prefault({}),
    lists: z.array(listSchema).min(1).max(LISTS_MAX).describe('What is enforced, in this order. Static.'),
    admin: z
      .strictObject({
        host: z.string().min(1).default('127.0.0.1').describe('Address of metrics and health. Static.'),
        port: z.int().min(0).max(65_535).describe('TCP port; 0 picks a free one. Static.'),
      })
      .optional(),
    localSocket: file
      .max(107)
      .optional()
      .describe('Unix socket that serves the lists to local programs; off unless given. Static.'),
    logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('Static.'),
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
    if (list.file === undefined && !isListTrack(list.track)) {
      const message = `${list.track} is no list: expected org/{org}/lists/{list} or platform/lists/{list}`;
      found.push({ path: ['lists', index, 'track'], message });
    }
    if (list.file === undefined && config.relays.length === 0) {
      found.push({
        path: ['lists', index, 'track'],
        message: 'the list has no file and there are no relays to take it from',
      });
    }
  });
  if ((config.tls.certificate === undefined) !== (config.tls.privateKey === undefined)) {
    found.push({ path: ['tls'], message: 'certificate and privateKey go together: expected both or none' });
  }
  return found;
}
