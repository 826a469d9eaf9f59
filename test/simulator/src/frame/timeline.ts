import { describeFault, type Fault, isMomentary } from './fault.js';
import { durationWords, faultWords, healedWords } from './fault-words.js';
import { describe, type Observation } from './observation.js';
import {
  arrive,
  flowWords,
  type Line,
  label,
  names,
  noArrivals,
  outcomeOf,
  repeated,
  type Step,
  sentence,
  spanWords,
  type Version,
  verb,
} from './timeline-words.js';

/** Something that happened, and when. */
export interface Recorded {
  readonly atMs: number;
  readonly observation: Observation;
}

/** What happens within this time of the first of its kind is told in its line. */
const TOGETHER_MS = 1000;
/** What is repeated with pauses of up to this is told once, with how often. */
const REPEATED_MS = 15_000;
/** A flow of objects that rests for longer is told anew. */
const PAUSE_MS = 5000;
/** What only says that all is as it should be, or what another line tells. */
const UNREMARKABLE = /^(takes a session of|announced|follows|got|list enforced)\b/;

/**
 * A run for people: what happened, when, and how long after the last fault began or ended. What many nodes do together,
 * and what one does again and again, is one line; renewals and what follows from another line are left out.
 */
export function timeline(records: readonly Recorded[], faults: readonly Fault[]): string[] {
  const story = new Story(faults, records);
  for (const record of records) story.tell(record);
  return story.lines();
}

type Of<Kind extends Observation['kind']> = Extract<Observation, { kind: Kind }>;

class Story {
  readonly #lines: Line[] = [];
  readonly #faults: readonly Fault[];
  /** Lines that are open, by what they tell of. */
  readonly #open = new Map<string, Line>();
  /** Faults that have begun and are not over, by number. */
  readonly #active = new Set<number>();
  readonly #versions = new Map<string, Version>();
  /** The version of each group of a track. */
  readonly #groups = new Map<string, number | null>();
  /** What each node was last told to have of a track; null: nothing any more. */
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
        this.#arrived(atMs, 'enforced', observation.node, observation);
        break;
      case 'acknowledged':
        this.#acknowledged(atMs, observation);
        break;
      case 'expired':
        this.#expired(atMs, observation);
        break;
      case 'started':
        // The end of a fault has said so.
        if (atMs === this.#boundaryMs) break;
        this.#fold(atMs, 'started', observation.node, TOGETHER_MS, ({ who }) => `${names(who)} started`);
        break;
      case 'note':
        this.#note(atMs, observation);
        break;
      case 'delivered':
      case 'held':
        this.#flows(atMs, observation);
        break;
      case 'forgot':
      case 'served':
        // The fault says what became of the disk; what a probe is served is nobody's news.
        break;
      default:
        this.#other(atMs, observation);
    }
  }

  #fault(atMs: number, { phase, what, node }: Of<'fault'>): void {
    const plain = what.replace(/^(begin|end) /, '');
    const number = this.#faults.findIndex((fault) => describeFault(fault) === plain);
    const fault = this.#faults[number];
    this.#open.clear();
    this.#boundaryMs = atMs;
    if (phase === 'end') {
      this.#active.delete(number);
      this.#add(
        atMs,
        '└',
        node,
        () => `fault ${number} is over${fault === undefined ? '' : `: ${healedWords(fault)}`}`,
      );
      return;
    }
    const words = fault === undefined ? plain : faultWords(fault);
    if (fault === undefined || isMomentary(fault)) {
      this.#add(atMs, '•', node, () => `fault ${number}: ${words}`);
      return;
    }
    this.#add(atMs, '┌', node, () => `fault ${number}: ${words}, for ${durationWords(fault.durationMs)}`);
    this.#active.add(number);
  }

  #committed(atMs: number, { node, track, group, version }: Of<'committed'>): void {
    this.#groups.set(`${track} ${group}`, version);
    const key = `${track} ${version}`;
    // A renewal, or what a restart brings back.
    if (this.#versions.has(key)) return;
    const published = { atMs, enforced: noArrivals(), received: noArrivals(), acknowledged: noArrivals() };
    this.#versions.set(key, published);
    const line = this.#add(atMs, null, node, () => {
      return `${node} publishes ${label(track, version)}${outcomeOf(published)}`;
    });
    this.#open.set(`published ${key}`, line);
  }

  #received(atMs: number, { node, track, group }: Of<'received'>): void {
    if (this.#enforced.has(`${node} ${track} ${group}`)) return;
    const version = this.#groups.get(`${track} ${group}`) ?? null;
    this.#arrived(atMs, 'received', node, { track, version });
  }

  #acknowledged(atMs: number, { node, pop, track, version }: Of<'acknowledged'>): void {
    this.#arrived(atMs, 'acknowledged', pop, { track, version }, node);
  }

  #expired(atMs: number, { node, track, version, mode }: Of<'expired'>): void {
    if (this.#known.get(`${node} ${track}`) === null) return;
    // The same version again would be news.
    this.#known.set(`${node} ${track}`, null);
    this.#fold(atMs, `expired ${track} ${version}`, node, TOGETHER_MS, ({ who }) => {
      return `${label(track, version)} expires at ${names(who)}, which ${verb(who, 'falls', 'fall')} back to "${mode}"`;
    });
  }

  #note(atMs: number, { node, what }: Of<'note'>): void {
    if (UNREMARKABLE.test(what)) return;
    this.#fold(atMs, `note ${what}`, node, REPEATED_MS, (line) => repeated(`${names(line.who)}: ${what}`, line));
  }

  /** What goes on and on is one line until it pauses, or until a fault begins or ends. */
  #flows(atMs: number, observation: Of<'delivered' | 'held'>): void {
    const { kind, node, track } = observation;
    if (kind === 'delivered' && observation.lost) {
      this.#other(atMs, observation);
      return;
    }
    this.#fold(atMs, `${kind} ${track}`, node, PAUSE_MS, (line) => flowWords(kind, track, line));
  }

  #other(atMs: number, observation: Observation): void {
    const { node } = observation;
    const text = describe(observation);
    const rest = text.startsWith(node) ? text.slice(node.length) : `: ${text}`;
    this.#fold(atMs, rest, node, REPEATED_MS, (line) => {
      return repeated(`${names(line.who)}${line.who.size > 1 ? ', each' : ''}${rest}`, line);
    });
  }

  /** A version came somewhere: soon after it was published that is told in the line of then, later in one of its own. */
  #arrived(
    atMs: number,
    step: Step,
    who: string,
    { track, version }: { readonly track: string; readonly version: number | null },
    witness = '',
  ): void {
    const place = `${witness}${who} ${track}`;
    if (version !== null && this.#known.get(place) === version) return;
    this.#known.set(place, version);
    const key = `${track} ${version}`;
    const published = this.#versions.get(key);
    const line = this.#open.get(`published ${key}`);
    if (published !== undefined && line !== undefined && atMs - line.atMs <= TOGETHER_MS) {
      arrive(published[step], who, atMs);
      return;
    }
    this.#fold(atMs, `${step} ${key}`, who, TOGETHER_MS, (folded) => {
      const does = `${sentence(step, folded.who, witness)} ${label(track, version)}`;
      return published === undefined
        ? does
        : `${does}, ${spanWords(folded.atMs, folded.lastMs, published)} after it was published`;
    });
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
