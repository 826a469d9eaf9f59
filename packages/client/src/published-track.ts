import type { FullTrackName } from '@higgins/protocol';
import type { ContentFormat, MapDelta, MapSignal, Shape } from '@higgins/signals';
import type { Deletion, JournalEntry } from './core/journal-entry.js';
import type { Moment } from './core/moment.js';
import { type Draft, TrackWriter, type WriteContext } from './core/track-writer.js';
import { GROUP_DELTA_BYTES_MIN, GROUP_OBJECTS_MAX } from './limits.js';

/** What stays the same of a published track. */
export interface PublishedTrackOptions {
  readonly name: FullTrackName;
  readonly signalId: string;
  readonly shape: Shape;
  readonly format: ContentFormat;
  readonly maxCacheDurationMs: number;
}

/** A change that is fixed but not yet safe. `journal`: whether it may go out only after it is on disk. */
export interface PlannedWrite {
  readonly draft: Draft;
  readonly newGroup: boolean;
  readonly journal: boolean;
  /** What changes in the entries of a map once the change is committed; absent if they stay as they are. */
  readonly delta?: MapDelta;
  /** What the change means for the track's deletion; absent if nothing. */
  readonly deleted?: Deletion | null;
}

/** A value that waits until the disk is free. */
export interface WaitingWrite {
  readonly ttlMs: number;
  readonly plan: (context: WriteContext) => PlannedWrite;
  readonly resolve: (place: { readonly group: number; readonly object: number }) => void;
  readonly reject: (error: unknown) => void;
}

/** The publisher's side of one track: decides what each change becomes on the wire. Does no I/O. */
export class PublishedTrack {
  readonly name: FullTrackName;
  readonly signalId: string;
  readonly shape: Shape;
  readonly format: ContentFormat;
  readonly writer: TrackWriter;
  /** Preferred Track Alias: the same in every session, unless it is taken there. */
  readonly alias: number;
  /** How long a cache that knows nothing of TTLs may serve objects of the track. */
  readonly maxCacheDurationMs: number;
  /** TTL of the newest value. */
  ttlMs: number;
  /** When the newest object was committed; null before the first. */
  committed: Moment | null = null;
  deleted: Deletion | null = null;
  /** Newest epoch that was seen on the track from others. */
  seenEpoch: number | null = null;
  /** Values of a state track that wait to be written together. */
  readonly waiting: WaitingWrite[] = [];
  /** Waits for its turn: changes of one track are written one after the other. */
  queue: Promise<unknown> = Promise.resolve();
  renewal: Disposable | null = null;
  /** A new group that was asked for and waits for its time. */
  groupRequest: Disposable | null = null;
  groupRequestedBootMs = Number.NEGATIVE_INFINITY;
  renewalMs: number;
  readonly #entries = new Map<string, Uint8Array>();
  #mapSignal: Pick<MapSignal<unknown, unknown>, 'encodeSnapshot' | 'encodeDelta'> | null = null;

  constructor(
    alias: number,
    options: PublishedTrackOptions,
    ttlMs: number,
    renewalMs: number,
    entry: JournalEntry | null,
  ) {
    this.alias = alias;
    this.maxCacheDurationMs = options.maxCacheDurationMs;
    this.name = options.name;
    this.signalId = options.signalId;
    this.shape = options.shape;
    this.format = options.format;
    this.ttlMs = ttlMs;
    this.renewalMs = renewalMs;
    this.writer = new TrackWriter(entry?.group ?? null);
    this.committed = entry?.committed ?? null;
    this.deleted = entry?.deleted ?? null;
  }

  /** The entries of a map track, as committed. */
  get entries(): ReadonlyMap<string, Uint8Array> {
    return this.#entries;
  }

  /** Gives a map track its codec, and the entries that its journal leads to. */
  openMap<P, V>(signal: MapSignal<P, V>): void {
    if (this.#mapSignal !== null) return;
    this.#mapSignal = signal;
    for (const { payload } of this.writer.newest?.objects ?? []) {
      const object = signal.decodeObject(payload, this.format);
      applyDelta(this.#entries, object.kind === 'snapshot' ? { set: object.entries, removed: [] } : object);
    }
  }

  /** Whether the track can be renewed: a map only once its codec is known. */
  get renewable(): boolean {
    if (this.writer.newest === null || this.shape === 'event') return false;
    return this.shape === 'state' || this.#mapSignal !== null;
  }

  /** A new value of a state track, in a group of its own. */
  planValue(payload: Uint8Array, context: WriteContext): PlannedWrite {
    return { draft: this.writer.draftGroup(payload, context), newGroup: true, journal: true };
  }

  /** An event: the next object, in a new group when the newest one is long enough. */
  planEvent(payload: Uint8Array, context: WriteContext): PlannedWrite {
    if (!this.#canAppend(payload.length, context)) return this.planValue(payload, context);
    return { draft: this.writer.draftAppend(payload, context), newGroup: false, journal: true };
  }

  /** A change to a map: a delta, or a snapshot when the deltas outgrow it. */
  planDelta(delta: MapDelta, context: WriteContext): PlannedWrite {
    const payload = this.#codec().encodeDelta(delta, this.format);
    if (this.#canAppend(payload.length, context)) {
      return { draft: this.writer.draftAppend(payload, context), newGroup: false, journal: true, delta };
    }
    const entries = new Map(this.#entries);
    applyDelta(entries, delta);
    return { ...this.#planSnapshot(entries, context), delta };
  }

  /**
   * The same value again. A state track gets a new group; a map track an empty delta, which needs no journal: it commits
   * nothing, and a restart begins a new group anyway.
   */
  planRenewal(context: WriteContext): PlannedWrite {
    const newest = this.writer.newest;
    const first = newest?.objects[0];
    if (first === undefined) throw new TypeError('nothing can be renewed before the first group');
    if (this.shape === 'state') return this.planValue(first.payload, context);
    const payload = this.#codec().encodeDelta(EMPTY_DELTA, this.format);
    if (!this.#canAppend(payload.length, context)) return this.#planSnapshot(this.#entries, context);
    return { draft: this.writer.draftAppend(payload, context), newGroup: false, journal: false };
  }

  /** A new group with the same content: what NEW_GROUP_REQUEST asks for. */
  planNewGroup(context: WriteContext): PlannedWrite {
    return this.shape === 'map' ? this.#planSnapshot(this.#entries, context) : this.planRenewal(context);
  }

  /** Makes a planned write the newest of the track. */
  commit(write: PlannedWrite, committed: Moment): void {
    this.writer.commit(write.draft);
    this.committed = committed;
    this.ttlMs = write.draft.ttlMs;
    if (write.deleted !== undefined) this.deleted = write.deleted;
    if (write.delta !== undefined) applyDelta(this.#entries, write.delta);
  }

  #planSnapshot(entries: ReadonlyMap<string, Uint8Array>, context: WriteContext): PlannedWrite {
    const payload = this.#codec().encodeSnapshot(entries, this.format);
    return { draft: this.writer.draftGroup(payload, context), newGroup: true, journal: true };
  }

  // A group never goes on under another epoch, and never outgrows its snapshot.
  #canAppend(bytes: number, context: WriteContext): boolean {
    const newest = this.writer.newest;
    if (newest === null || !this.writer.isOfEpoch(context.epoch)) return false;
    if (newest.objects.length >= GROUP_OBJECTS_MAX) return false;
    const [first, ...deltas] = newest.objects;
    const deltaBytes = deltas.reduce((sum, { payload }) => sum + payload.length, bytes);
    return deltaBytes <= Math.max(GROUP_DELTA_BYTES_MIN, first?.payload.length ?? 0);
  }

  #codec(): Pick<MapSignal<unknown, unknown>, 'encodeSnapshot' | 'encodeDelta'> {
    if (this.#mapSignal === null) throw new TypeError('the map has no codec yet');
    return this.#mapSignal;
  }
}

const EMPTY_DELTA: MapDelta = { set: new Map(), removed: [] };

/** Applies a delta to the entries of a map, in place. */
export function applyDelta(entries: Map<string, Uint8Array>, delta: MapDelta): void {
  for (const key of delta.removed) entries.delete(key);
  for (const [key, value] of delta.set) entries.set(key, value);
}
