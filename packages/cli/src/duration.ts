import { CommandError, ExitCode } from './output.js';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Milliseconds of a text such as `500ms`, `20s`, `5m`, `24h` or `30d`.
 *
 * @throws CommandError (usage) naming the option, the value and what was expected
 */
export function parseDurationMs(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const unit = UNITS_MS[match?.[2] ?? ''];
  if (match === null || unit === undefined) {
    throw new CommandError(`${option} "${text}": expected a number with a unit, such as 20s or 24h`, ExitCode.usage);
  }
  return Number(match[1]) * unit;
}

/** The shortest text of a duration with at most one decimal, such as `1.5 s` or `24 h`. */
export function formatDuration(milliseconds: number): string {
  const [unit, size] =
    milliseconds >= 86_400_000
      ? ['d', 86_400_000]
      : milliseconds >= 3_600_000
        ? ['h', 3_600_000]
        : milliseconds >= 60_000
          ? ['min', 60_000]
          : milliseconds >= 1000
            ? ['s', 1000]
            : ['ms', 1];
  return `${Number((milliseconds / (size as number)).toFixed(1))} ${unit}`;
}
