import { z } from 'zod';
import { checkWithParts, DEFAULT_HTTP_CHECK, DEFAULT_TLS_CHECK, DEFAULTS } from './defaults.js';
import type { ActiveCheck } from './model.js';
import { textLike } from './shape.js';

const { check } = DEFAULTS.core;
const encoder = new TextEncoder();

/** Text, or any bytes in hexadecimal. */
export const bytesSchema = z
  .union([z.string(), z.strictObject({ hex: textLike(/^(?:[0-9a-f]{2})*$/i, 'pairs of hexadecimal digits') })])
  .transform((value) => (typeof value === 'string' ? encoder.encode(value) : bytesOfHex(value.hex)));

const httpSchema = z.strictObject({
  method: z.enum(['GET', 'HEAD']).default(DEFAULT_HTTP_CHECK.method),
  path: z.string().default(DEFAULT_HTTP_CHECK.path),
  host: z.string().nullable().default(null),
  statuses: z.array(z.tuple([z.number(), z.number()])).default([[200, 399]]),
});

/** A check of the core's own form; `http` and `tls` are filled in by its type. */
export const activeCheckSchema = z
  .strictObject({
    type: z.string(),
    port: z.number().nullable().default(check.port),
    intervalMs: z.number().default(check.intervalMs),
    timeoutMs: z.number().optional(),
    rise: z.number().default(check.rise),
    fall: z.number().default(check.fall),
    startAvailable: z.boolean().default(check.startAvailable),
    http: httpSchema.nullable().default(null),
    tls: z
      .strictObject({
        verify: z.boolean().default(DEFAULT_TLS_CHECK.verify),
        serverName: z.string().nullable().default(null),
      })
      .nullable()
      .default(null),
    udp: z
      .strictObject({ payload: bytesSchema, expect: bytesSchema.nullable().default(null) })
      .nullable()
      .default(null),
  })
  .transform(
    (given): ActiveCheck =>
      checkWithParts({ ...given, timeoutMs: given.timeoutMs ?? Math.min(check.timeoutMs, given.intervalMs) }),
  );

/** Bytes as `bytesSchema` reads them back: text where that gives the same bytes. */
export function bytesToForm(bytes: Uint8Array): string | { hex: string } {
  const printable = bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  if (printable) return String.fromCharCode(...bytes);
  return { hex: Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('') };
}

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  );
}
