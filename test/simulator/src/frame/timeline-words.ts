import { durationWords } from './fault-words.js';

/** More nodes than that are not all named; so many are then. */
const NAMES_MAX = 6;
const NAMES_SHOWN = 3;

/** One line that may still take up more of the same. */
export interface Line {
  readonly atMs: number;
  readonly gutter: string;
  readonly sinceMs: number | null;
  readonly who: Set<string>;
  lastMs: number;
  count: number;
  readonly says: (line: Line) => string;
}

/** A version that was published, and what became of it so soon that it needs no line of its own. */
export interface Version {
  readonly atMs: number;
  readonly enforced: Arrivals;
  readonly received: Arrivals;
  readonly acknowledged: Arrivals;
}

/** Where a version came, first and last. */
export interface Arrivals {
  readonly who: Set<string>;
  firstMs: number;
  lastMs: number;
}

/** What becomes of a version at a node. */
export type Step = 'enforced' | 'received' | 'acknowledged';

/** Nobody yet. */
export function noArrivals(): Arrivals {
  return { who: new Set(), firstMs: 0, lastMs: 0 };
}

/** One more came there. */
export function arrive(arrivals: Arrivals, who: string, atMs: number): void {
  if (arrivals.who.size === 0) arrivals.firstMs = atMs;
  arrivals.who.add(who);
  arrivals.lastMs = atMs;
}

/** What became of a version at once. */
export function outcomeOf(version: Version): string {
  const { enforced, received, acknowledged } = version;
  const parts = (
    [
      ['enforced', enforced],
      ['received', received],
    ] as const
  )
    .filter(([, { who }]) => who.size > 0)
    .map(
      ([step, { who, firstMs, lastMs }]) =>
        `${sentence(step, who, '')} it after ${spanWords(firstMs, lastMs, version)}`,
    );
  if (acknowledged.who.size > 0) {
    const by = acknowledged.who.size === enforced.who.size ? '' : ` by ${names(acknowledged.who)}`;
    parts.push(`acknowledged${by} after ${spanWords(acknowledged.lastMs, acknowledged.lastMs, version)}`);
  }
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

/** Who has what from now on, without what it is. */
export function sentence(step: Step, who: ReadonlySet<string>, witness: string): string {
  if (step === 'acknowledged') return `${witness} hears that ${names(who)} ${verb(who, 'enforces', 'enforce')}`;
  return `${names(who)} ${step === 'enforced' ? verb(who, 'enforces', 'enforce') : verb(who, 'gets', 'get')}`;
}

/** How long after its publication. */
export function spanWords(fromMs: number, toMs: number, { atMs }: Version): string {
  const [from, to] = [durationWords(fromMs - atMs), durationWords(toMs - atMs)];
  return from === to ? from : `${from} to ${to}`;
}

/** A track with its version, if it has one. */
export function label(track: string, version: number | null): string {
  return version === null ? track : `${track} version ${version}`;
}

/** With how often, if somebody repeats himself. */
export function repeated(text: string, { who, count, lastMs }: Line): string {
  return count > who.size ? `${text} (${count} times until ${(lastMs / 1000).toFixed(1)} s)` : text;
}

/** The form of a verb for so many. */
export function verb(who: ReadonlySet<string>, one: string, several: string): string {
  return who.size === 1 ? one : several;
}

/** What flows to those who follow a track. */
export function flowWords(kind: 'delivered' | 'held', track: string, { who, count, lastMs }: Line): string {
  const until = count > 1 ? ` until ${(lastMs / 1000).toFixed(1)} s` : '';
  const several = count === 1 ? '' : 's';
  return kind === 'delivered'
    ? `${names(who)} ${verb(who, 'gets', 'get')} ${count} event${several} of ${track}${until}`
    : `${names(who)} ${verb(who, 'follows', 'follow')} ${track}: ${count} change${several}${until}`;
}

/** Names in order, as a list in a sentence; of many only the first. */
export function names(who: ReadonlySet<string>): string {
  const all = [...who].sort();
  if (all.length > NAMES_MAX) return `${all.slice(0, NAMES_SHOWN).join(', ')} and ${all.length - NAMES_SHOWN} others`;
  const last = all.pop() ?? '';
  return all.length === 0 ? last : `${all.join(', ')} and ${last}`;
}
