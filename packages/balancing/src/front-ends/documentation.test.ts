import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { configurationSchema } from '../resources/core-form.js';
import { policySpec } from './gateway-api/policy-schema.js';
import { gatewaySpec, routeSpec } from './gateway-api/schema.js';
import { lobbySchema } from './lobby/schema.js';

const page = readFileSync(new URL('../../../../docs/l4-configuration.md', import.meta.url), 'utf8');

/** The parts of a schema that hold other schemas. */
interface Parts {
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly innerType?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly out?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
}

/** Every key of every map in a schema. */
function keysOf(schema: z.core.$ZodType, keys = new Set<string>()): Set<string> {
  const { shape = {}, innerType, element, in: input, out, options = [] } = schema._zod.def as Parts;
  for (const [key, inner] of Object.entries(shape)) keysOf(inner, keys.add(key));
  for (const inner of [innerType, element, input, out, ...options]) if (inner !== undefined) keysOf(inner, keys);
  return keys;
}

const section = (title: string) => page.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';

describe('docs/l4-configuration.md', () => {
  it.each([
    ['Core', [configurationSchema], 60],
    ['Lobby', [lobbySchema], 50],
    ['Gateway API', [gatewaySpec, routeSpec, policySpec], 50],
  ])('names every field of the form %s', (title, schemas, keysMin) => {
    const keys = schemas.flatMap((schema) => [...keysOf(schema)]);
    const core = title === 'Core' ? '' : section('Core');
    const missing = keys.filter((key) => !new RegExp(`\\b${key}\\b`).test(`${title}\n${section(title)}${core}`));
    expect(keys.length).toBeGreaterThan(keysMin);
    expect(missing).toEqual([]);
  });
});
