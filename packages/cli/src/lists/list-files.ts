import { readFileSync, statSync } from 'node:fs';
import { LIST_BYTES_MAX, type ListEntries, parseListTexts, SchemaError } from '@higgins/signals';
import { CommandError, ExitCode } from '../output.js';

/** Text takes up to ten times the bytes of the packed form. */
const FILE_BYTES_MAX = 10 * LIST_BYTES_MAX;

/**
 * Reads one list from several files.
 *
 * @throws CommandError (usage) naming file, line, value and what was expected
 */
export function readListFiles(files: readonly string[]): ListEntries {
  try {
    return parseListTexts(files.map((source) => ({ source, text: readText(source) })));
  } catch (cause) {
    if (cause instanceof SchemaError) throw new CommandError(cause.message, ExitCode.usage, { cause });
    throw cause;
  }
}

function readText(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > FILE_BYTES_MAX) throw new Error(`${size} bytes, expected at most ${FILE_BYTES_MAX}`);
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`${file} cannot be read: ${reason}`, ExitCode.usage, { cause });
  }
}
