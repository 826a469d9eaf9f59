import type { FullTrackName } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import {
  type ContentFormat,
  type MapSignal,
  type Signal,
  type Stage,
  type StateSignal,
  tombstoneKeepMs,
} from '@higgins/signals';
import { CommitLog, type Published, renewalOf } from './commit-log.js';
import { momentNow } from './core/moment.js';
import type { WrittenObject } from './core/track-writer.js';
import { DiskEpochLease, type EpochLease } from './epoch-lease.js';
import { PublishError } from './errors.js';
import type { PublishedTrack } from './published-track.js';

export interface PublisherOptions {
  readonly runtime: Runtime;
  /** Identifies the writer; 1 to 256 characters. Names its heartbeat track. */
  readonly writerId: string;
  /** Where journal and epoch are kept on disk. */
  readonly folder: string;
  /** Default: epochs of the writer's own, kept in `folder`. */
  readonly lease?: EpochLease;
  /** Whether the writer's scope covers a track; absent: all. Relays check again. */
  mayPublish?(name: FullTrackName): boolean;
  /** A file could not be read or written, or is damaged. */
  onStorageError?(file: string, error: unknown): void;
  /** A renewal could not be written; it is tried again. */
  onRenewalError?(name: FullTrackName, error: unknown): void;
}

export interface PublishOptions {
  /** Default: the signal's; within its bounds. */
  readonly ttlMs?: number;
  /** Default CBOR. Fixed by the first object of a track. */
  readonly format?: ContentFormat;
  /** Default `current`. */
  readonly stage?: Stage;
}

export interface RemoveOptions extends PublishOptions {
  /** The version that the deletion counts as. */
  readonly version?: number;
}

/** Changes to a map; keys that are in neither stay. */
export interface MapChanges<V> {
  readonly set?: ReadonlyMap<string, V>;
  readonly removed?: readonly string[];
}

/** What a server of the publisher's tracks has to know; called in the order of commits. */
export interface PublisherListener {
  committed(track: PublishedTrack, object: WrittenObject, newGroup: boolean): void;
  /** The track is not published any more. */
  retired(track: PublishedTrack): void;
}

/**
 * Commits values to tracks and keeps them alive. A commit is on disk, with its Group ID, bytes and publish time, before
 * anyone can see it; after a crash the identical object goes out again.
 */
export class Publisher implements AsyncDisposable {
  readonly writerId: string;
  readonly #options: PublisherOptions;
  readonly #listeners: Set<PublisherListener>;
  readonly #log: CommitLog;
  #closed = false;

  private constructor(options: PublisherOptions, log: CommitLog, listeners: Set<PublisherListener>) {
    this.writerId = options.writerId;
    this.#options = options;
    this.#log = log;
    this.#listeners = listeners;
  }

  /** Takes the writer's next epoch, and puts up again what an earlier life committed. */
  static async open(options: PublisherOptions): Promise<Publisher> {
    const { runtime, folder } = options;
    const listeners = new Set<PublisherListener>();
    const log = await CommitLog.open({
      runtime,
      folder: `${folder}/tracks`,
      lease: options.lease ?? new DiskEpochLease(runtime, `${folder}/epoch`),
      onCommitted: (track, object, newGroup) => {
        for (const listener of listeners) listener.committed(track, object, newGroup);
      },
      onRetired: (track) => {
        for (const listener of listeners) listener.retired(track);
      },
      onStorageError: (file, error) => options.onStorageError?.(file, error),
      onRenewalError: (name, error) => options.onRenewalError?.(name, error),
    });
    return new Publisher(options, log, listeners);
  }

  /** Below 0 while none could be stored: nothing can be published then. */
  get epoch(): number {
    return this.#log.epoch;
  }

  /** Every track that is published. */
  tracks(): IterableIterator<PublishedTrack> {
    return this.#log.tracks();
  }

  track(name: FullTrackName): PublishedTrack | undefined {
    return this.#log.track(name);
  }

  /** Tells about commits from now on; disposing ends that. */
  listen(listener: PublisherListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * Commits a value of a state track, or an event. Resolves once it is safe; rejects with PublishError, StorageError or
   * EpochError, and nothing was published then.
   */
  async publish<P, V>(signal: Signal<P, V>, params: P, value: V, options: PublishOptions = {}): Promise<Published> {
    if (signal.shape === 'map')
      throw new PublishError('wrong-shape', `${signal.id} is a map, expected a state or event`);
    const { track, ttlMs } = this.#open(signal, params, options);
    const payload = encode(signal.bytesMax, () => signal.encode(value, track.format));
    return this.#log.write(track, ttlMs, (context) => ({
      ...(signal.shape === 'event' ? track.planEvent(payload, context) : track.planValue(payload, context)),
      deleted: null,
    }));
  }

  /** Deletes a value: a tombstone takes its place, is renewed like it, and goes when no copy of the value can be left. */
  async remove<P, V>(signal: StateSignal<P, V>, params: P, options: RemoveOptions = {}): Promise<Published> {
    const { track, ttlMs } = this.#open(signal, params, options);
    const { runtime } = this.#options;
    const tombstone = { version: options.version ?? null, deletedWallMs: Math.round(runtime.wallMs()) };
    const payload = encode(signal.bytesMax, () => signal.encodeTombstone(tombstone, track.format));
    return this.#log.write(track, ttlMs, (context) => ({
      ...track.planValue(payload, context),
      deleted: { at: momentNow(runtime), keepMs: tombstoneKeepMs(signal) },
    }));
  }

  /** Sets and removes keys of a map track, all in one object. */
  async update<P, V>(
    signal: MapSignal<P, V>,
    params: P,
    changes: MapChanges<V>,
    options: PublishOptions = {},
  ): Promise<Published> {
    const { track, ttlMs } = this.#open(signal, params, options);
    track.openMap(signal);
    const set = new Map<string, Uint8Array>();
    for (const [key, value] of changes.set ?? []) {
      set.set(
        key,
        encode(signal.valueBytesMax, () => signal.encode(value, track.format)),
      );
    }
    const delta = { set, removed: changes.removed ?? [] };
    encode(signal.bytesMax, () => signal.encodeDelta(delta, track.format));
    return this.#log.write(track, ttlMs, (context) => checked(() => track.planDelta(delta, context)));
  }

  /** Starts a new group with the same content, at most once in `intervalMs`: the answer to NEW_GROUP_REQUEST. */
  requestGroup(track: PublishedTrack, intervalMs: number): void {
    this.#log.requestGroup(track, intervalMs);
  }

  /** Tells that an object of someone else was seen on a track: the writer's next group lies above it, and comes at once. */
  observe(name: FullTrackName, group: number): void {
    this.#log.observe(name, group);
  }

  /** Stops renewing, once what was begun is done. Values live on for their TTL. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#log.close();
    this.#listeners.clear();
  }

  #open<P, V>(signal: Signal<P, V>, params: P, options: PublishOptions): { track: PublishedTrack; ttlMs: number } {
    if (this.#closed) throw new PublishError('closed', 'the publisher is closed');
    const name = nameOf(signal, params, options.stage);
    if (this.#options.mayPublish?.(name) === false) {
      throw new PublishError('out-of-scope', `${signal.id} ${JSON.stringify(params)} is outside of the writer's scope`);
    }
    const ttlMs = options.ttlMs ?? signal.ttlMs;
    if (!(ttlMs >= signal.ttlMsMin && ttlMs <= signal.ttlMsMax)) {
      const bounds = `${signal.ttlMsMin} to ${signal.ttlMsMax}`;
      throw new PublishError('ttl-out-of-range', `ttlMs of ${signal.id} is ${ttlMs}, expected ${bounds}`);
    }
    const track = this.#log.open(
      {
        name,
        signalId: signal.id,
        shape: signal.shape,
        format: options.format ?? 'cbor',
        maxCacheDurationMs: Math.max(ttlMs, signal.ttlMs),
      },
      ttlMs,
      renewalOf(signal, ttlMs),
    );
    return { track, ttlMs };
  }
}

function nameOf<P, V>(signal: Signal<P, V>, params: P, stage: Stage | undefined): FullTrackName {
  try {
    return signal.name(params, stage);
  } catch (cause) {
    throw new PublishError('name-invalid', messageOf(cause), { cause });
  }
}

// What a consumer would refuse is refused here, before it is committed.
function encode(bytesMax: number, run: () => Uint8Array): Uint8Array {
  const payload = checked(run);
  if (payload.length > bytesMax) {
    throw new PublishError('too-large', `the payload has ${payload.length} bytes, expected at most ${bytesMax}`);
  }
  return payload;
}

function checked<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'SchemaError') throw cause;
    const tooLarge = (cause as { code?: unknown }).code === 'TOO_LARGE';
    throw new PublishError(tooLarge ? 'too-large' : 'schema-invalid', cause.message, { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
