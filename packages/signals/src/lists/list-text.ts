import { SchemaError } from '../errors.js';
import { LIST_ENTRIES_MAX } from '../limits.js';
import { type ListEntries, parseListEntries, tooManyEntries } from './list-entries.js';

/** A text file of a list: its name for error messages, and what it holds. */
export interface ListText {
  readonly source: string;
  readonly text: string;
}

/**
 * Reads lists as people keep them in files: one entry per line, `#` starts a comment, blank lines count for nothing.
 *
 * Several texts make one list. `entriesMax` is what a list on the bus may have unless it is given. Throws SchemaError whose
 * field is `source:line` of the first entry that is refused.
 */
export function parseListTexts(texts: readonly ListText[], entriesMax: number = LIST_ENTRIES_MAX): ListEntries {
  const entries: string[] = [];
  const places: string[] = [];
  for (const { source, text } of texts) {
    text.split(/\r?\n/).forEach((line, index) => {
      const entry = line.replace(/#.*$/, '').trim();
      if (entry === '') return;
      entries.push(entry);
      places.push(`${source}:${index + 1}`);
    });
    if (entries.length > entriesMax) throw tooManyEntries(entries.length, entriesMax);
  }
  try {
    return parseListEntries(entries, entriesMax);
  } catch (error) {
    const index = error instanceof SchemaError ? /^entries\[(\d+)\]$/.exec(error.field)?.[1] : undefined;
    if (!(error instanceof SchemaError) || index === undefined) throw error;
    throw new SchemaError(error.code, places[Number(index)] ?? error.field, entries[Number(index)], error.expected);
  }
}
