import { bytesToForm } from './core-form-check.js';
import type { BalancerConfiguration } from './model.js';

/** Plain data that JSON and YAML hold. */
export type PlainValue =
  | string
  | number
  | boolean
  | null
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/** The core's own form of a configuration, with every default filled in: `readConfiguration` reads the same back. */
export function writeConfiguration(configuration: BalancerConfiguration): PlainValue {
  return writePlain(configuration);
}

/** As `writeConfiguration`, for a part of one. */
export function writePlain(value: unknown): PlainValue {
  if (value instanceof Uint8Array) return bytesToForm(value);
  if (Array.isArray(value)) return value.map(writePlain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, writePlain(inner)]));
  }
  return value as string | number | boolean | null;
}
