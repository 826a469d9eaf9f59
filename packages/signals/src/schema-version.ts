import type { Content } from './content/content.js';
import { Fields } from './content/fields.js';
import { SchemaError } from './errors.js';

/** Throws SchemaError if the payload was written by a newer major version; a newer minor one is read. */
export function checkSchemaVersion(content: Content, known: number): void {
  const version = new Fields(content).integer('schema', 0, Number.MAX_SAFE_INTEGER);
  const major = Math.floor(known / 1000);
  if (Math.floor(version / 1000) > major) {
    throw new SchemaError('SCHEMA_VERSION', 'schema', version, `a version below ${(major + 1) * 1000}`);
  }
}
