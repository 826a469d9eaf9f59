import type { ExpiryMode, NamedList } from '@higgins/signals';
import { organisationList, parseListEntries } from '@higgins/signals';

/** A named list of the simulated organisation. */
export interface AuthoredList {
  readonly params: { readonly org: string; readonly list: string };
  readonly track: string;
  /** What becomes of it at its expiry: a list of what is allowed fails closed, any other open. */
  readonly expiry: ExpiryMode;
}

/**
 * The people behind the lists: what they want and in which version, whatever becomes of publishers. A version that a
 * crash swallowed is not used again.
 */
export class ListAuthor {
  readonly lists: readonly AuthoredList[];
  readonly #next = new Map<string, number>();
  readonly #committed = new Map<string, number>();
  readonly #entriesFactor: number;

  /** `entriesFactor`: 1 for lists of 3 to 9 addresses, more for longer ones. */
  constructor(org: string, names: readonly string[], entriesFactor = 1) {
    this.#entriesFactor = entriesFactor;
    this.lists = names.map((list) => ({
      params: { org, list },
      track: `org/${org}/lists/${list}`,
      expiry: list === 'allowed' ? 'closed' : 'open',
    }));
  }

  /** The next version of a list; its entries follow from the version. */
  write({ track, params, expiry }: AuthoredList, nowWallMs: number): NamedList {
    const version = (this.#next.get(track) ?? 0) + 1;
    this.#next.set(track, version);
    return {
      owner: params.org,
      version,
      createdWallMs: Math.floor(nowWallMs),
      expiry,
      entries: parseListEntries(entriesOf(version, this.#entriesFactor)),
    };
  }

  /** A version became visible. */
  committed(track: string, version: number): void {
    this.#committed.set(track, Math.max(version, this.version(track)));
  }

  /** The newest version that became visible; 0: none. */
  version(track: string): number {
    return this.#committed.get(track) ?? 0;
  }
}

/** The version inside an encoded list. */
export function versionOf(payload: Uint8Array): number {
  return organisationList.decode(payload).version;
}

function entriesOf(version: number, factor: number): string[] {
  const count = (3 + (version % 7)) * factor;
  return Array.from(
    { length: count },
    (_, index) => `198.${51 + (index >> 8)}.${(version * 7 + index) % 256}.${index % 256}`,
  );
}
