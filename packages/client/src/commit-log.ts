import type { FullTrackName } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import { type Epoch, epochOf, epochRefusal } from './core/epoch.js';
import { trackFileName } from './core/file-name.js';
import { decodeJournalEntry, encodeJournalEntry, type JournalEntry } from './core/journal-entry.js';
import { elapsedMs, type Moment, momentNow } from './core/moment.js';
import type { WriteContext, WrittenObject } from './core/track-writer.js';
import type { EpochLease } from './epoch-lease.js';
import { StorageError } from './errors.js';
import { RENEWAL_PART, WRITES_TOGETHER_MAX } from './limits.js';
import { type PlannedWrite, PublishedTrack, type PublishedTrackOptions, type WaitingWrite } from './published-track.js';

export interface CommitLogOptions {
  readonly runtime: Runtime;
  /** Folder of the journal: one file for each track. */
  readonly folder: string;
  readonly lease: EpochLease;
  /** An object is safe and may be seen; called in the order of commits. */
  onCommitted(track: PublishedTrack, object: WrittenObject, newGroup: boolean): void;
  /** The tombstone of a track is old enough: it is not published any more. */
  onRetired(track: PublishedTrack): void;
  onStorageError(file: string, error: unknown): void;
  onRenewalError(name: FullTrackName, error: unknown): void;
}

/** Where a commit stands on its track. */
export interface Published {
  readonly name: FullTrackName;
  readonly group: number;
  readonly object: number;
}

interface Planned {
  readonly waiting: WaitingWrite;
  readonly write: PlannedWrite;
}

/** How soon a renewal that failed is tried again. */
const RENEWAL_RETRY_MS = 1000;

/** Below every epoch that a writer is ever given. */
const NO_EPOCH = -1;

/**
 * The tracks of one writer and their journal: fixes each object, makes it safe, then lets it be seen; renews what does
 * not change. Changes of one track are committed one after the other.
 */
export class CommitLog {
  readonly #options: CommitLogOptions;
  readonly #runtime: Runtime;
  readonly #tracks = new Map<string, PublishedTrack>();
  #epoch: Epoch;
  #acquiring: Promise<void> | null = null;
  #closed = false;

  private constructor(options: CommitLogOptions, epoch: Epoch) {
    this.#options = options;
    this.#runtime = options.runtime;
    this.#epoch = epoch;
  }

  /**
   * Takes the next epoch, and reads what an earlier life committed: it is to be published again, as it was. Rejects with
   * EpochError if the writer must not go on.
   */
  static async open(options: CommitLogOptions): Promise<CommitLog> {
    const log = new CommitLog(options, await firstEpoch(options));
    await log.#restore();
    return log;
  }

  /** Below 0 while none could be stored. */
  get epoch(): number {
    return this.#epoch.epoch;
  }

  /** Every track that has a newest group. */
  *tracks(): IterableIterator<PublishedTrack> {
    for (const track of this.#tracks.values()) if (track.writer.newest !== null) yield track;
  }

  track(name: FullTrackName): PublishedTrack | undefined {
    const track = this.#tracks.get(name.key);
    return track?.writer.newest === null ? undefined : track;
  }

  /** The track of that name, made if it is new; what it has of an earlier life stays. */
  open(options: PublishedTrackOptions, ttlMs: number, renewalMs: number): PublishedTrack {
    const known = this.#tracks.get(options.name.key);
    if (known === undefined) return this.#add(options, ttlMs, renewalMs, null);
    known.renewalMs = renewalMs;
    return known;
  }

  /** Commits what `plan` makes of the track when its turn comes. Rejects with StorageError or EpochError: nothing was seen then. */
  write(track: PublishedTrack, ttlMs: number, plan: (context: WriteContext) => PlannedWrite): Promise<Published> {
    if (track.shape !== 'state') return this.#enqueue(track, () => this.#execute(track, ttlMs, plan, false));
    return new Promise((resolve, reject) => {
      const done = (place: { readonly group: number; readonly object: number }) =>
        resolve({ name: track.name, ...place });
      track.waiting.push({ ttlMs, plan, resolve: done, reject });
      if (track.waiting.length === 1) void this.#enqueue(track, () => this.#writeWaiting(track));
    });
  }

  /** Starts a new group with the same content, `intervalMs` after the last time; asks meanwhile count as one. */
  requestGroup(track: PublishedTrack, intervalMs: number): void {
    if (track.groupRequest !== null || !track.renewable || this.#closed) return;
    const due = Math.max(this.#runtime.bootMs(), track.groupRequestedBootMs + intervalMs);
    track.groupRequestedBootMs = due;
    track.groupRequest = this.#runtime.at(due, () => {
      track.groupRequest = null;
      this.#enqueue(track, () =>
        this.#execute(track, track.ttlMs, (context) => track.planNewGroup(context), true),
      ).catch((error: unknown) => this.#options.onRenewalError(track.name, error));
    });
  }

  /** Tells that someone else's object was seen on a track: the writer's next group lies above it, and comes at once. */
  observe(name: FullTrackName, group: number): void {
    const track = this.#tracks.get(name.key);
    const epoch = epochOf(group);
    if (track === undefined || group <= (track.writer.newest?.group ?? -1)) return;
    if (epochRefusal(epoch, this.#runtime.wallMs()) !== null) return;
    track.seenEpoch = Math.max(track.seenEpoch ?? -1, epoch);
    this.requestGroup(track, 0);
  }

  /** Stops renewing, once what was begun is done. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const track of this.#tracks.values()) {
      track.renewal?.[Symbol.dispose]();
      track.groupRequest?.[Symbol.dispose]();
    }
    await Promise.all([...this.#tracks.values()].map((track) => track.queue));
  }

  async #restore(): Promise<void> {
    const { disk } = this.#runtime;
    for (const file of await disk.list(`${this.#options.folder}/`)) {
      try {
        const bytes = await disk.read(file);
        if (bytes === null) continue;
        const entry = decodeJournalEntry(bytes, momentNow(this.#runtime));
        const options = { ...entry, maxCacheDurationMs: entry.ttlMs };
        const track = this.#add(options, entry.ttlMs, entry.renewalMs, entry);
        this.#scheduleRenewal(track);
      } catch (error) {
        this.#options.onStorageError(file, error);
      }
    }
  }

  #add(options: PublishedTrackOptions, ttlMs: number, renewalMs: number, entry: JournalEntry | null): PublishedTrack {
    const track = new PublishedTrack(this.#tracks.size, options, ttlMs, renewalMs, entry);
    this.#tracks.set(options.name.key, track);
    return track;
  }

  #enqueue<Result>(track: PublishedTrack, run: () => Promise<Result>): Promise<Result> {
    const result = track.queue.then(run);
    track.queue = result.catch(() => undefined);
    return result;
  }

  /**
   * Values that came while the disk was busy are made safe by one write, that of the newest: those that it replaces are
   * seen after it, in their order, and would be worth nothing after a crash. So a burst of edits takes few writes.
   */
  async #writeWaiting(track: PublishedTrack): Promise<void> {
    while (track.waiting.length > 0) {
      let planned: readonly Planned[] = [];
      try {
        await this.#raiseEpoch(track);
        planned = this.#planWaiting(track);
        const committed = momentNow(this.#runtime);
        const newest = planned.at(-1);
        if (newest !== undefined) await this.#journal(track, newest.write, false);
        for (const { write, waiting } of planned) waiting.resolve(this.#commit(track, write, committed));
      } catch (error) {
        const failed = planned.length > 0 ? planned.map(({ waiting }) => waiting) : track.waiting.splice(0);
        for (const { reject } of failed) reject(error);
      }
    }
  }

  #planWaiting(track: PublishedTrack): Planned[] {
    const planned: Planned[] = [];
    while (track.waiting.length > 0 && planned.length < WRITES_TOGETHER_MAX) {
      // The epoch has room for the first of them.
      if (planned.length > 0 && track.writer.needsEpochAbove(this.#epoch) !== null) break;
      const waiting = track.waiting.shift()!;
      const context = { epoch: this.#epoch, nowBootMs: this.#runtime.bootMs(), ttlMs: waiting.ttlMs };
      const follows = planned.at(-1)?.write.draft.after;
      try {
        planned.push({ waiting, write: waiting.plan(follows === undefined ? context : { ...context, follows }) });
      } catch (error) {
        waiting.reject(error);
      }
    }
    return planned;
  }

  #commit(track: PublishedTrack, write: PlannedWrite, committed: Moment): Published {
    track.commit(write, committed);
    this.#options.onCommitted(track, write.draft.added, write.newGroup);
    this.#scheduleRenewal(track);
    return { name: track.name, group: write.draft.after.group, object: write.draft.added.object };
  }

  async #execute(
    track: PublishedTrack,
    ttlMs: number,
    plan: (context: WriteContext) => PlannedWrite,
    renewal: boolean,
  ): Promise<Published> {
    await this.#raiseEpoch(track);
    const write = plan({ epoch: this.#epoch, nowBootMs: this.#runtime.bootMs(), ttlMs });
    const committed = momentNow(this.#runtime);
    if (write.journal) await this.#journal(track, write, renewal);
    return this.#commit(track, write, committed);
  }

  // A renewal commits nothing: a disk that fails must not make the values of a healthy publisher expire.
  async #journal(track: PublishedTrack, write: PlannedWrite, renewal: boolean): Promise<void> {
    const file = this.#fileOf(track);
    const { name, signalId, shape, format, renewalMs } = track;
    const { draft } = write;
    const deleted = write.deleted === undefined ? track.deleted : write.deleted;
    const entry = { name, signalId, shape, format, renewalMs, ttlMs: draft.ttlMs, group: draft.after, deleted };
    try {
      await this.#runtime.disk.replace(file, encodeJournalEntry({ ...entry, committed: momentNow(this.#runtime) }));
    } catch (cause) {
      if (!renewal) throw new StorageError('write-failed', `the journal ${file} cannot be written`, { cause });
      this.#options.onStorageError(file, cause);
    }
  }

  async #raiseEpoch(track: PublishedTrack): Promise<void> {
    for (;;) {
      const above = track.writer.needsEpochAbove(this.#epoch);
      const seen = Math.max(above ?? -1, track.seenEpoch ?? -1);
      if (above === null && seen < this.#epoch.epoch) return;
      this.#acquiring ??= takeEpoch(this.#options, seen)
        .then((epoch) => {
          this.#epoch = epoch;
        })
        .finally(() => {
          this.#acquiring = null;
        });
      await this.#acquiring;
    }
  }

  #scheduleRenewal(track: PublishedTrack): void {
    if (track.committed === null || this.#closed || track.shape === 'event') return;
    const elapsed = elapsedMs(track.committed, momentNow(this.#runtime));
    this.#renewIn(track, elapsed === null ? 0 : track.renewalMs - elapsed);
  }

  #renewIn(track: PublishedTrack, delayMs: number): void {
    track.renewal?.[Symbol.dispose]();
    track.renewal = this.#runtime.at(this.#runtime.bootMs() + Math.max(delayMs, 0), () => {
      track.renewal = null;
      this.#enqueue(track, () => this.#renew(track)).catch((error: unknown) => {
        this.#options.onRenewalError(track.name, error);
        if (!this.#closed) this.#renewIn(track, RENEWAL_RETRY_MS);
      });
    });
  }

  async #renew(track: PublishedTrack): Promise<void> {
    // A commit that was under way meanwhile has renewed it.
    if (track.renewal !== null || this.#closed || !track.renewable) return;
    const { deleted } = track;
    const deletedForMs = deleted === null ? null : elapsedMs(deleted.at, momentNow(this.#runtime));
    if (deleted !== null && deletedForMs !== null && deletedForMs >= deleted.keepMs) return this.#retire(track);
    await this.#execute(track, track.ttlMs, (context) => track.planRenewal(context), true);
  }

  async #retire(track: PublishedTrack): Promise<void> {
    await this.#runtime.disk.remove(this.#fileOf(track));
    track.writer.retire();
    track.deleted = null;
    track.committed = null;
    this.#options.onRetired(track);
  }

  #fileOf(track: PublishedTrack): string {
    return `${this.#options.folder}/${trackFileName(track.name)}`;
  }
}

/**
 * The epoch to begin with. Where it can't be stored there is none yet: each write asks for one again before it is made, and
 * a participant that only listens does without.
 */
async function firstEpoch(options: CommitLogOptions): Promise<Epoch> {
  try {
    return await takeEpoch(options, null);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    options.onStorageError('epoch', error);
    return { epoch: NO_EPOCH, startWallMs: options.runtime.wallMs(), startBootMs: options.runtime.bootMs() };
  }
}

async function takeEpoch(options: CommitLogOptions, seenEpoch: number | null): Promise<Epoch> {
  const epoch = await options.lease.acquire(seenEpoch);
  return { epoch, startWallMs: options.runtime.wallMs(), startBootMs: options.runtime.bootMs() };
}

/** When an unchanged value is sent again: at the signal's pace for its own TTL, else at a third of the TTL. */
export function renewalOf(signal: { readonly ttlMs: number; readonly renewalMs: number }, ttlMs: number): number {
  return ttlMs === signal.ttlMs ? signal.renewalMs : ttlMs * RENEWAL_PART;
}
