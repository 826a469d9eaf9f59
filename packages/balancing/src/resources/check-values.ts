import { AddressError } from '@higgins/ipdata';
import { BalancingError } from '../errors.js';
import { NAME_CHARACTERS_MAX, SEGMENT_CHARACTERS_MAX } from '../limits.js';
import { type AddressRange, isUnicast, parseRange } from './addresses.js';
import { type ProblemPath, type Report, refusal } from './problem.js';

const CONTROL_CHARACTER = /\p{Cc}/u;

/** A report whose paths begin at `base`. */
export function under(report: Report, ...base: ProblemPath): Report {
  return (path, message) => report([...base, ...path], message);
}

/** A whole number within bounds. */
export function checkWhole(report: Report, path: ProblemPath, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  report(path, refusal(value, `a whole number from ${min} to ${max}`));
}

/** As `checkWhole`; null is no value. */
export function checkWholeOrNull(
  report: Report,
  path: ProblemPath,
  value: number | null,
  min: number,
  max: number,
): void {
  if (value !== null) checkWhole(report, path, value, min, max);
}

/** 1 to 65,535. */
export function checkPort(report: Report, path: ProblemPath, value: number): void {
  checkWhole(report, path, value, 1, 65_535);
}

/** A name of something inside a load balancer. */
export function checkName(report: Report, path: ProblemPath, name: string): void {
  const fits = name.length >= 1 && name.length <= NAME_CHARACTERS_MAX && !CONTROL_CHARACTER.test(name);
  if (!fits) report(path, refusal(name, `1 to ${NAME_CHARACTERS_MAX} characters without control characters`));
}

/** A name that is also a field of a track's namespace. */
export function checkSegment(report: Report, path: ProblemPath, name: string): void {
  const fits = name.length >= 1 && name.length <= SEGMENT_CHARACTERS_MAX && !CONTROL_CHARACTER.test(name);
  if (fits && !name.startsWith('.')) return;
  report(path, refusal(name, `1 to ${SEGMENT_CHARACTERS_MAX} characters, no control characters, no dot in front`));
}

/** Every later value that equals an earlier one; `key` null: the value takes no part. */
export function checkUnique<T>(
  report: Report,
  values: readonly T[],
  keyOf: (value: T) => string | null,
  field: ProblemPath,
  expected: string,
): void {
  const seen = new Set<string>();
  for (const [index, value] of values.entries()) {
    const key = keyOf(value);
    if (key === null) continue;
    if (seen.has(key)) report([index, ...field], refusal(key, expected));
    seen.add(key);
  }
}

/** At most so many entries. */
export function checkCount(report: Report, path: ProblemPath, count: number, max: number, what: string): void {
  if (count > max) report(path, refusal(count, `at most ${max} ${what}`));
}

/** The ranges of the texts that are addresses, CIDRs or `first-last`; the others are reported. */
export function checkRanges(report: Report, texts: readonly string[]): AddressRange[] {
  return texts.flatMap((text, index) => {
    try {
      return [parseRange(text)];
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      report([index], refusal(text, 'an address, a prefix such as 192.0.2.0/24, or first-last'));
      return [];
    }
  });
}

/** A literal address that packets can be sent to. */
export function checkUnicast(report: Report, path: ProblemPath, address: string): void {
  if (!isUnicast(address))
    report(path, refusal(address, 'an address of a host: not unspecified, multicast or broadcast'));
}

/** Runs a check of the core that throws; its fields are found below `pathOf(field)`. */
export function checkBy(report: Report, run: () => unknown, pathOf: (field: string) => ProblemPath): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof BalancingError)) throw error;
    const value = Number(error.value);
    report(pathOf(error.field), refusal(Number.isNaN(value) ? error.value : value, error.expected));
  }
}
