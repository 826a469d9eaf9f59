import { dirname, resolve } from 'node:path';
import { type BalancerOptions, CheckTypeError, CheckTypes, webhooksSchema } from '@higgins/agent';
import { loadConfig } from '@higgins/service';
import { z } from 'zod';
import { readPem } from '../../connection-options.js';
import { CommandError, ExitCode } from '../../output.js';

const path = z.string().min(1);
const port = z.int().min(0).max(65_535);
const RELAYS_MAX = 16;
const CHECK_MODULES_MAX = 16;
const NODES_MAX = 64;

const busSchema = z.strictObject({
  relays: z
    .array(z.strictObject({ url: z.string() }))
    .min(1)
    .max(RELAYS_MAX)
    .describe('In order of preference.'),
  nodes: z
    .array(z.string().min(1).max(63))
    .max(NODES_MAX)
    .default([])
    .describe('Names of the nodes of this PoP: limits of new connections hold for all that live together.'),
  tls: z
    .strictObject({
      authorities: path.optional().describe('PEM; default the public ones of the system.'),
      certificate: path.optional(),
      privateKey: path.optional(),
      insecure: z.boolean().default(false).describe('Accepts any certificate of a relay: for tests only.'),
    })
    .refine(({ certificate, privateKey }) => (certificate === undefined) === (privateKey === undefined), {
      message: 'certificate and privateKey go together: expected both or none',
    })
    .prefault({}),
});

const settingsSchema = z.strictObject({
  node: z
    .string()
    .min(1)
    .max(63)
    .optional()
    .describe("Names the node on the bus and in events; default the host's name."),
  table: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,30}$/, 'expected up to 31 lower-case letters, digits and _, a letter first')
    .optional()
    .describe("Names the balancer's tables in nf_tables."),
  admin: z
    .strictObject({ host: z.string().default('127.0.0.1'), port })
    .optional()
    .describe('Where metrics, liveness and readiness are served; default nowhere.'),
  webhooks: webhooksSchema.default([]).describe('Who is told of events.'),
  checkTypes: z.array(path).max(CHECK_MODULES_MAX).default([]).describe('Modules that export check types.'),
  bus: busSchema.optional().describe('Where pool states are published, and named lists come from.'),
  bird: z
    .strictObject({ file: path, socket: path.default('/run/bird/bird.ctl') })
    .optional()
    .describe("Announces virtual addresses: the part of BIRD's configuration that is ours, and its control socket."),
});

/** What a file of settings may say of the process, beside what it balances. */
export type Settings = z.output<typeof settingsSchema>;

/**
 * Reads a file of settings; without one everything has its default.
 *
 * @throws ConfigError naming every problem with its line
 */
export function loadSettings(file: string | undefined): Settings {
  return file === undefined ? settingsSchema.parse({}) : loadConfig(settingsSchema, file);
}

/**
 * The part of a balancer's options that the settings decide. Paths of check modules are relative to the file.
 *
 * @throws CommandError (usage) for a module or PEM file that can't be used
 */
export async function optionsOf(settings: Settings, file: string | undefined): Promise<Partial<BalancerOptions>> {
  const { node, table, admin, webhooks, bus, bird } = settings;
  return {
    webhooks,
    checkTypes: await loadCheckTypes(settings.checkTypes, file === undefined ? '.' : dirname(file)),
    ...(node === undefined ? {} : { node }),
    ...(table === undefined ? {} : { table }),
    ...(admin === undefined ? {} : { operations: admin }),
    ...(bus === undefined ? {} : { bus: busOf(bus) }),
    ...(bird === undefined ? {} : { bird }),
  };
}

function busOf({ relays, nodes, tls }: z.output<typeof busSchema>): NonNullable<BalancerOptions['bus']> {
  const { authorities, certificate, privateKey, insecure } = tls;
  const trust = authorities === undefined ? {} : { authoritiesPem: readPem('bus.tls.authorities', authorities) };
  const identity =
    certificate === undefined || privateKey === undefined
      ? {}
      : {
          identity: {
            certificatePem: readPem('bus.tls.certificate', certificate),
            privateKeyPem: readPem('bus.tls.privateKey', privateKey),
          },
        };
  return { nodes, relays: relays.map(({ url }) => ({ url, insecure, ...trust, ...identity })) };
}

async function loadCheckTypes(modules: readonly string[], directory: string): Promise<CheckTypes> {
  const types = new CheckTypes();
  try {
    for (const module of modules) await types.loadModule(resolve(directory, module));
  } catch (cause) {
    if (!(cause instanceof CheckTypeError)) throw cause;
    throw new CommandError(`checkTypes: ${cause.message}`, ExitCode.usage, { cause });
  }
  return types;
}
