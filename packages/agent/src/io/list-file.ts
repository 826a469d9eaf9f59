import { AddressError, type IpSet, parseIpSet } from '@higgins/ipdata';
import { LIST_FILE_ENTRIES_MAX } from '../limits.js';

/** A list file can't be used; the message names line, text and expectation. What was enforced before stays. */
export class ListFileError extends Error {
  override readonly name = 'ListFileError';
  readonly code = 'list-file-invalid';
}

/**
 * Reads a list from text: one address or prefix per line; blank lines and what follows a `#` do not count.
 *
 * @throws ListFileError naming the first line that is refused
 */
export function parseListFile(text: string, source: string): IpSet {
  const entries: string[] = [];
  const lines: number[] = [];
  text.split('\n').forEach((line, index) => {
    const entry = line.replace(/#.*/, '').trim();
    if (entry === '') return;
    entries.push(entry);
    lines.push(index + 1);
  });
  try {
    return parseIpSet(entries, { entriesMax: LIST_FILE_ENTRIES_MAX });
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    const line = error.index === null ? '' : `:${lines[error.index]}`;
    throw new ListFileError(`${source}${line}: "${error.value}" is refused, expected ${error.expected}`, {
      cause: error,
    });
  }
}
