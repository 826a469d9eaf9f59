import type { Client } from '@higgins/client';
import type { FullTrackName } from '@higgins/protocol';
import {
  type ExpiryMode,
  type ListEntries,
  type NamedList,
  NameError,
  organisationList,
  parsePath,
  platformList,
  type StateSignal,
} from '@higgins/signals';
import { CommandError, ExitCode } from '../output.js';
import { preciseWallMs } from '../wall-clock.js';

/** A track that holds a named list, with the signal that describes it. */
export interface ListTrack {
  readonly path: string;
  readonly name: FullTrackName;
  readonly owner: string;
  /** Binds signal and parameters, whose types belong together. */
  use<Result>(run: <P>(signal: StateSignal<P, NamedList>, params: P) => Result): Result;
}

/** A version that is committed. */
export interface CommittedList {
  readonly version: number;
  readonly group: number;
  /** When the commit began, ms since 1970 with a fraction. */
  readonly wallMs: number;
}

/**
 * The list track of a path such as `org/acme/lists/blocked`.
 *
 * @throws CommandError (usage) naming the path and what was expected
 */
export function listTrack(path: string): ListTrack {
  const name = nameOf(path);
  const organisation = organisationList.params(name);
  if (organisation) {
    return { path, name, owner: organisation.org, use: (run) => run(organisationList, organisation) };
  }
  const platform = platformList.params(name);
  if (platform) return { path, name, owner: 'platform', use: (run) => run(platformList, platform) };
  throw new CommandError(`track "${path}": expected org/{org}/lists/{list} or platform/lists/{list}`, ExitCode.usage);
}

/** Commits versions of one list; knows the newest from the journal, so that numbers go on after a restart. */
export class ListPublisher {
  readonly #client: Client;
  readonly #track: ListTrack;
  readonly #ttlMs: number | undefined;
  #newest: NamedList | null;

  constructor(client: Client, track: ListTrack, ttlMs: number | undefined) {
    this.#client = client;
    this.#track = track;
    this.#ttlMs = ttlMs;
    this.#newest = this.#journalled();
  }

  get newest(): NamedList | null {
    return this.#newest;
  }

  /** Commits the next version; null if it would be what the newest one is already. */
  async commit(entries: ListEntries, expiry: ExpiryMode): Promise<CommittedList | null> {
    const newest = this.#newest;
    if (newest?.expiry === expiry && this.#sameBytes(newest, { ...newest, entries })) return null;
    const wallMs = preciseWallMs();
    const version = (newest?.version ?? 0) + 1;
    const list: NamedList = { owner: this.#track.owner, version, createdWallMs: Math.round(wallMs), expiry, entries };
    const options = this.#ttlMs === undefined ? {} : { ttlMs: this.#ttlMs };
    const { group } = await this.#track.use((signal, params) => this.#client.publish(signal, params, list, options));
    this.#newest = list;
    return { version, group, wallMs };
  }

  #journalled(): NamedList | null {
    const track = this.#client.publisher.track(this.#track.name);
    const object = track?.writer.newest?.objects.at(-1);
    if (!track || !object || track.deleted !== null) return null;
    return this.#track.use((signal) => signal.decode(object.payload, track.format));
  }

  #sameBytes(a: NamedList, b: NamedList): boolean {
    return this.#track.use((signal) => Buffer.from(signal.encode(a)).equals(signal.encode(b)));
  }
}

function nameOf(path: string): FullTrackName {
  try {
    return parsePath(path);
  } catch (cause) {
    if (cause instanceof NameError)
      throw new CommandError(`track "${path}": ${cause.message}`, ExitCode.usage, { cause });
    throw cause;
  }
}
