import type { IpSet } from '@higgins/ipdata';
import { parseListTexts, SchemaError } from '@higgins/signals';
import { unsupportedEntries } from '../core/list.js';
import { LIST_FILE_ENTRIES_MAX } from '../limits.js';

/** A list file can't be used; the message names line, text and expectation. What was enforced before stays. */
export class ListFileError extends Error {
  override readonly name = 'ListFileError';
  readonly code = 'list-file-invalid';
}

/**
 * Reads a list of addresses and prefixes from text, as lists that are published from files are read.
 *
 * @throws ListFileError naming the first line that is refused
 */
export function parseListFile(text: string, source: string): IpSet {
  try {
    const entries = parseListTexts([{ source, text }], LIST_FILE_ENTRIES_MAX);
    const unsupported = unsupportedEntries(entries);
    if (unsupported === null) return { ipv4: entries.ipv4, ipv6: entries.ipv6 };
    throw new ListFileError(`${source}: ${unsupported}`);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    // Of a list that is too long no line is named.
    const { field, message } = error;
    throw new ListFileError(field.startsWith(source) ? message : `${source}: ${message}`, { cause: error });
  }
}
