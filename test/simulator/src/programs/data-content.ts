import { RandomStream } from '@higgins/runtime';
import { type Applied, applied, organisationList, SchemaError, type Signal, trackOfSegments } from '@higgins/signals';
import type { MapModel } from '../invariants/map-equals-its-model.js';
import { ListAuthor } from './list-author.js';

/** A signal of events: each is a text that begins with its serial number. */
export const events: Signal<{ readonly id: string }, string> = {
  ...organisationList,
  id: 'simulated-events',
  pattern: 'simulated/events/{id}',
  shape: 'event',
  name: ({ id }, stage) => trackOfSegments(['simulated', 'events', id], stage),
  params: () => null,
  encode: (value) => new TextEncoder().encode(value),
  decode(bytes) {
    const text = new TextDecoder().decode(bytes);
    if (!/^\d+:/.test(text)) throw new SchemaError('MALFORMED', 'payload', text, 'a serial number and a colon');
    return text;
  },
};

export const MAP_PARAMS = { pop: 'data' };
export const MAP_TRACK = 'platform/applied/pop/data';
export const EVENT_PARAMS = { id: 'data' };
export const EVENT_TRACK = 'simulated/events/data';

/** The key that every edit of the map sets, to its serial number. */
const SERIAL_KEY = 'serial';
const KEYS = 24;
const KEYS_SET_MAX = 4;
const KEYS_REMOVED_MAX = 2;
/** Characters of a value: so many that a run sees groups outgrow their snapshots. */
const REASON_CHARACTERS = 480;
const EVENT_CHARACTERS_MAX = 1200;

/** One change of the map: keys that are set to its serial number, and keys that are removed. */
export interface MapEdit {
  readonly set: readonly string[];
  readonly removed: readonly string[];
}

/**
 * The people behind all tracks: what they want next, whatever becomes of publishers. Edits and events have serial
 * numbers, and what is in one follows from its number; a number that a crash swallowed is not used again.
 */
export class DataAuthor {
  readonly lists = new ListAuthor('acme', ['blocked', 'allowed']);
  readonly #seed: number;
  #edits = 0;
  #events = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  nextEdit(): number {
    this.#edits += 1;
    return this.#edits;
  }

  nextEvent(): string {
    this.#events += 1;
    const random = new RandomStream(this.#seed, `event/${this.#events}`);
    return `${this.#events}:${'.'.repeat(random.integer(EVENT_CHARACTERS_MAX))}`;
  }

  /** What the edit with that number is. */
  edit(serial: number): MapEdit {
    const random = new RandomStream(this.#seed, `edit/${serial}`);
    const draw = (count: number) => Array.from({ length: count }, () => `key-${random.integer(KEYS)}`);
    const set = new Set([SERIAL_KEY, ...draw(1 + random.integer(KEYS_SET_MAX))]);
    const removed = new Set(draw(random.integer(KEYS_REMOVED_MAX + 1)));
    return { set: [...set], removed: [...removed].filter((key) => !set.has(key)) };
  }
}

/** The serial number of the edit that a map's entries end with; null if they begin with none. */
function serialOf(entries: ReadonlyMap<string, string>): number | null {
  const serial = entries.get(SERIAL_KEY);
  return serial === undefined ? null : Number(serial);
}

/** Every track that `author` is behind. */
export function dataTracks({ lists }: DataAuthor): string[] {
  return [...lists.lists.map(({ track }) => track), MAP_TRACK, EVENT_TRACK];
}

/** The value that an edit sets its keys to. */
export function appliedOf(serial: number): Applied {
  const reason = '.'.repeat(REASON_CHARACTERS);
  return { result: 'applied', group: serial, version: null, appliedWallMs: 0, entries: null, reason };
}

/** A value of the map as text, to be compared. */
export function textOf({ group }: Applied): string {
  return String(group);
}

/** The model of the map that `author` edits. */
export function mapModel(author: DataAuthor): MapModel {
  return {
    track: MAP_TRACK,
    serialOf,
    apply(payload, entries) {
      const object = applied.decodeObject(payload);
      if (object.kind === 'snapshot') entries.clear();
      else for (const key of object.removed) entries.delete(key);
      const set = object.kind === 'snapshot' ? object.entries : object.set;
      for (const [key, bytes] of set) entries.set(key, textOf(applied.decode(bytes)));
    },
    expected(before, after) {
      const serial = serialOf(after);
      // A renewal, or the same in a new group.
      if (serial === null || serial === serialOf(before)) return before;
      const { set, removed } = author.edit(serial);
      const entries = new Map(before);
      for (const key of removed) entries.delete(key);
      for (const key of set) entries.set(key, String(serial));
      return entries;
    },
  };
}
