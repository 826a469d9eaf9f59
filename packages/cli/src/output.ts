/** What a command ends with; scripts depend on the numbers. */
export const ExitCode = {
  ok: 0,
  /** The command ran and what it was asked for does not hold. */
  failed: 1,
  /** Wrong arguments, a wrong configuration file or a wrong input file: nothing was done. */
  usage: 2,
  /** A relay or agent could not be reached, or refused us. */
  unreachable: 3,
  /** `higgins interop` only, as the public runner has it: a case, role or draft that we do not have. */
  unsupported: 127,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends the command with a sentence for the operator and an exit code. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Options that every command understands. */
export interface OutputOptions {
  readonly json?: boolean;
}

/** Prints a record: one JSON line with `--json`, else the lines that `people` makes of it. */
export function print<Value>(options: OutputOptions, value: Value, people: (value: Value) => string): void {
  process.stdout.write(`${options.json ? JSON.stringify(value) : people(value)}\n`);
}

/** Rows as aligned columns, with a header. Cells are escaped, since they may come from a peer. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => printable(String(cell))));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Control characters as `\xNN`, so that what a peer sends cannot drive the terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\x${character.codePointAt(0)?.toString(16).padStart(2, '0')}`,
  );
}
