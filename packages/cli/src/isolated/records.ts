/** One JSON line that a program printed. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** The record on a line, or null if the line is not a JSON object. */
export function parseRecord(line: string): JsonRecord | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as JsonRecord;
  } catch {
    return null;
  }
}

/**
 * A number of a record.
 *
 * @throws Error naming the field if it is missing or something else
 */
export function numberOf(record: JsonRecord, field: string): number {
  const value = record[field];
  if (typeof value === 'number') return value;
  throw new Error(`field ${field} of ${JSON.stringify(record)}: expected a number`);
}
