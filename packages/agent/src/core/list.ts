import type { PrefixSet } from '@higgins/ipdata';
import type { ExpiryMode, ListEntries } from '@higgins/signals';

/** One value of a named list, as any source delivers it. The sets are shared and read-only. */
export interface ListValue {
  /** Rises with every value and renewal of the track: the Group ID, or a counter where the source is a file. */
  readonly group: number;
  /** The version inside the value; a renewal has that of the value it renews. Null where the source has none. */
  readonly version: number | null;
  readonly ipv4: PrefixSet;
  readonly ipv6: PrefixSet;
  readonly onExpiry: ExpiryMode;
  /** When its time is up; null if it has no end. */
  readonly deadlineBootMs: number | null;
  /** Null where the value has no end, or was over from the start. */
  readonly ttlMs: number | null;
  /** When it was published, on the writer's wall clock; for people. */
  readonly publishedWallMs: number | null;
}

/** A value that can't be enforced; what was enforced before stays. */
export interface ListRefusal {
  readonly group: number;
  readonly version: number | null;
  readonly reason: string;
}

/** Where the desired state of lists comes from: the bus, or files. */
export interface ListSource extends AsyncDisposable {
  /** Delivers what is known of each track at once, and every change after it, until the source is disposed. */
  start(observer: ListObserver): void;
}

/** Takes what a source delivers; calls come in the order of the values. */
export interface ListObserver {
  value(track: string, value: ListValue): void;
  refused(track: string, refusal: ListRefusal): void;
  /** The list was deleted by its owner; nothing of it is to be enforced any more. */
  deleted(track: string, group: number): void;
  /** Whether the source is in touch with what feeds it; `reason` says why not. */
  connected(connected: boolean, reason: string | null): void;
}

/** How many prefixes a value has. */
export function entriesOf(value: ListValue): number {
  return value.ipv4.size + value.ipv6.size;
}

/** Why a list can't be enforced as it is written: it has entries that are no addresses. Null if it can. */
export function unsupportedEntries({ asns, isps }: ListEntries): string | null {
  if (asns.length === 0 && isps.length === 0) return null;
  const found = `${asns.length} AS numbers and ${isps.length} carriers`;
  return `entries: ${found}, expected addresses and prefixes only: this agent has no data to expand others`;
}
