import { describeFault, type Fault, isMomentary } from './fault.js';
import { durationWords, faultWords } from './fault-words.js';
import { describe, type Observation } from './observation.js';

/** Something that happened, and when. */
export interface Recorded {
  readonly atMs: number;
  readonly observation: Observation;
}

/** Nodes that do the same within this time are told in one line. */
const TOGETHER_MS = 1000;
/** What a node repeats with pauses of up to this is told once, with how often. */
const REPEATED_MS = 15_000;

/**
 * A run for people: what happened, when, and how long after the last fault began or ended. What many nodes do together,
 * and what one does again and again, is one line; renewals and what follows from another line are left out.
 */
export function timeline(records: readonly Recorded[], faults: readonly Fault[]): string[] {
  const story = new Story(faults, records);
  for (const record of records) story.tell(record);
  return story.lines();
}

/** One line that may still take up more of the same. */
interface Line {
  readonly atMs: number;
  readonly gutter: string;
  readonly sinceMs: number | null;
  readonly who: Set<string>;
  lastMs: number;
  count: number;
  readonly says: (line: Line) => string;
}

interface Value {
  readonly version: number | null;
  readonly atMs: number;
}

class Story {
  readonly #lines: Line[] = [];
  readonly #faults: readonly Fault[];
  /** Lines that are open, by what they tell of. */
  readonly #open = new Map<string, Line>();
  /** Faults that have begun and are not over, by number. */
  readonly #active = new Set<number>();
  /** When each version of a track was published first. */
  readonly #published = new Map<string, number>();
  /** What each group of a track holds. */
  readonly #values = new Map<string, Value>();
  /** What each node was last told to have of a track. */
  readonly #known = new Map<string, number | null>();
  /** What is enforced needs no line that it was received. */
  readonly #enforced: ReadonlySet<string>;
  #boundaryMs: number | null = null;

  constructor(faults: readonly Fault[], records: readonly Recorded[]) {
    this.#faults = faults;
    this.#enforced = new Set(
      records.flatMap(({ observation }) =>
        observation.kind === 'enforced' ? [`${observation.node} ${observation.track} ${observation.group}`] : [],
      ),
    );
  }

  lines(): string[] {
    return this.#lines.map((line) => {
      const since = line.sinceMs === null ? '' : `+${(line.sinceMs / 1000).toFixed(1)}`;
      return `${(line.atMs / 1000).toFixed(3).padStart(9)} ${since.padStart(6)} ${line.gutter} ${line.says(line)}`;
    });
  }

  tell({ atMs, observation }: Recorded): void {
    switch (observation.kind) {
      case 'fault':
        this.#fault(atMs, observation);
        break;
      case 'committed':
        this.#committed(atMs, observation);
        break;
      case 'received':
        this.#received(atMs, observation);
        break;
      case 'enforced':
        this.#enforcedNow(atMs, observation);
        break;
      case 'expired':
        this.#expired(atMs, observation);
        break;
      case 'acknowledged':
        this.#acknowledged(atMs, observation);
        break;
      case 'started':
        this.#fold(atMs, 'started', observation.node, TOGETHER_MS, ({ who }) => `${names(who)} started`);
        break;
      case 'note':
        this.#note(atMs, observation.node, observation.what);
        break;
      default:
        this.#other(atMs, observation);
    }
  }

  #fault(atMs: number, { phase, what, node }: Extract<Observation, { kind: 'fault' }>): void {
    const plain = what.replace(/^(begin|end) /, '');
    const number = this.#faults.findIndex((fault) => describeFault(fault) === plain);
    const fault = this.#faults[number];
    const words = fault === undefined ? plain : faultWords(fault);
    this.#open.clear();
    this.#boundaryMs = atMs;
    if (phase === 'end') {
      this.#active.delete(number);
      this.#add(atMs, '└', node, () => `fault ${number} is over: ${words}, no more`);
    } else if (fault !== undefined && isMomentary(fault)) {
      this.#add(atMs, '•', node, () => `fault ${number}: ${words}`);
    } else {
      const forWords = fault === undefined ? '' : `, for ${durationWords(fault.durationMs)}`;
      this.#add(atMs, '┌', node, () => `fault ${number}: ${words}${forWords}`);
      this.#active.add(number);
    }
  }

  #committed(atMs: number, { node, track, group, version }: Extract<Observation, { kind: 'committed' }>): void {
    this.#values.set(`${track} ${group}`, { version, atMs });
    const key = `${track} ${version}`;
    // A renewal, or what a restart brings back.
    if (this.#published.has(key)) return;
    this.#published.set(key, atMs);
    this.#add(atMs, null, node, () => `${node} publishes ${label(track, version)}`);
  }

  #received(atMs: number, { node, track, group }: Extract<Observation, { kind: 'received' }>): void {
    if (this.#enforced.has(`${node} ${track} ${group}`)) return;
    const { version = null } = this.#values.get(`${track} ${group}`) ?? {};
    if (this.#isKnown(node, track, version)) return;
    this.#value(atMs, 'received', node, track, version, (who) => `${names(who)} ${verb(who, 'gets', 'get')}`);
  }

  #enforcedNow(atMs: number, { node, track, version }: Extract<Observation, { kind: 'enforced' }>): void {
    if (this.#isKnown(node, track, version)) return;
    this.#value(atMs, 'enforced', node, track, version, (who) => `${names(who)} ${verb(who, 'enforces', 'enforce')}`);
  }

  #expired(atMs: number, { node, track, version, mode }: Extract<Observation, { kind: 'expired' }>): void {
    if (this.#known.get(`${node} ${track}`) === null) return;
    // The same version again would be news.
    this.#known.set(`${node} ${track}`, null);
    this.#fold(atMs, `expired ${track} ${version}`, node, TOGETHER_MS, ({ who }) => {
      return `${label(track, version)} expires at ${names(who)}, which ${verb(who, 'falls', 'fall')} back to "${mode}"`;
    });
  }

  #acknowledged(atMs: number, seen: Extract<Observation, { kind: 'acknowledged' }>): void {
    const { node, pop, track, version } = seen;
    if (this.#isKnown(`${node} about ${pop}`, track, version)) return;
    this.#fold(atMs, `acknowledged ${node} ${track} ${version}`, pop, TOGETHER_MS, ({ who }) => {
      return `${node} knows that ${names(who)} ${verb(who, 'enforces', 'enforce')} ${label(track, version)}`;
    });
  }

  #note(atMs: number, node: string, what: string): void {
    this.#fold(atMs, `note ${what}`, node, REPEATED_MS, (line) => repeated(`${names(line.who)}: ${what}`, line));
  }

  #other(atMs: number, observation: Observation): void {
    const text = describe(observation);
    this.#fold(atMs, text, observation.node, REPEATED_MS, (line) => repeated(text, line));
  }

  /** A value that came somewhere, with how long that took since it was published first. */
  #value(
    atMs: number,
    what: string,
    node: string,
    track: string,
    version: number | null,
    does: (who: ReadonlySet<string>) => string,
  ): void {
    const publishedMs = this.#published.get(`${track} ${version}`);
    this.#fold(atMs, `${what} ${track} ${version}`, node, TOGETHER_MS, (line) => {
      const text = `${does(line.who)} ${label(track, version)}`;
      if (publishedMs === undefined) return text;
      const [from, to] = [line.atMs - publishedMs, line.lastMs - publishedMs].map(durationWords);
      return `${text}, ${from === to ? from : `${from} to ${to}`} after it was published`;
    });
  }

  #isKnown(who: string, track: string, version: number | null): boolean {
    const key = `${who} ${track}`;
    if (this.#known.get(key) === version && version !== null) return true;
    this.#known.set(key, version);
    return false;
  }

  #fold(atMs: number, key: string, who: string, withinMs: number, says: (line: Line) => string): void {
    const open = this.#open.get(key);
    if (open === undefined || atMs - open.lastMs > withinMs) {
      this.#open.set(key, this.#add(atMs, null, who, says));
      return;
    }
    open.who.add(who);
    open.lastMs = atMs;
    open.count += 1;
  }

  #add(atMs: number, mark: string | null, who: string, says: (line: Line) => string): Line {
    const gutter = mark ?? (this.#active.size > 0 ? '│' : ' ');
    const sinceMs = mark === null && this.#boundaryMs !== null ? atMs - this.#boundaryMs : null;
    const line = { atMs, gutter, sinceMs, who: new Set([who]), lastMs: atMs, count: 1, says };
    this.#lines.push(line);
    return line;
  }
}

function label(track: string, version: number | null): string {
  return version === null ? track : `${track} version ${version}`;
}

function repeated(text: string, { who, count, lastMs }: Line): string {
  return count > who.size ? `${text} (${count} times until ${(lastMs / 1000).toFixed(1)} s)` : text;
}

function verb(who: ReadonlySet<string>, one: string, several: string): string {
  return who.size === 1 ? one : several;
}

function names(who: ReadonlySet<string>): string {
  const all = [...who];
  const last = all.pop() ?? '';
  return all.length === 0 ? last : `${all.join(', ')} and ${last}`;
}
