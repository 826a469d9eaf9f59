import type { Netlink } from '@higgins/netlink';
import type { ExpiryMode } from '@higgins/signals';
import { entriesOf, type ListValue } from '../../core/list.js';
import type { ListOutcome, ListTarget } from '../../core/list-target.js';
import { WITNESS_ENTRIES_MAX } from '../../limits.js';
import { NftListTarget } from './apply.js';
import { type EnforceResult, enforce, isCleaning } from './enforce.js';
import { intervalsOf } from './intervals.js';
import type { ActualList, DesiredList, Enforcement, NftOperation } from './model.js';
import { type FingerprintStore, NftStructure, type RelayAddress } from './structure.js';
import { Witness } from './witness.js';

/** One list of the target. */
export interface NftListConfig {
  readonly enforcement: Enforcement;
  /** Overrides the mode that travels in the list. */
  readonly onExpiry: ExpiryMode | null;
}

export interface NftTargetOptions {
  readonly table: string;
  readonly lists: readonly NftListConfig[];
  readonly netlink: Netlink;
  readonly store: FingerprintStore;
  readonly bootMs: () => number;
  /** Bytes per batch; default is what the socket carries. */
  readonly batchBytesMax?: number;
}

interface Entry {
  readonly target: NftListTarget;
  readonly onExpiry: ExpiryMode | null;
  known: ActualList | null;
  /** The intervals of the value enforced last: a renewal has the same sets. */
  latest: { readonly value: ListValue; readonly desired: DesiredList } | null;
}

/**
 * All lists of one agent in one nft table. Calls are made one after the other.
 *
 * Nothing is removed when the agent ends: the kernel goes on, and the next agent finds its work done.
 */
export class NftTarget implements ListTarget {
  readonly #options: NftTargetOptions;
  readonly #structure: NftStructure;
  readonly #entries: ReadonlyMap<string, Entry>;
  /** The generation that nothing but our own transactions led to; null if the ruleset must be looked at. */
  #accounted: number | null = null;

  constructor(options: NftTargetOptions) {
    const { table, lists, netlink, store, bootMs, batchBytesMax } = options;
    this.#options = options;
    const enforcements = lists.map(({ enforcement }) => enforcement);
    this.#structure = new NftStructure({ table, enforcements, netlink, store });
    const limits = batchBytesMax === undefined ? {} : { batchBytesMax };
    this.#entries = new Map(
      lists.map(({ enforcement, onExpiry }) => {
        const target = new NftListTarget({ table, enforcement, netlink, bootMs, ...limits });
        return [enforcement.id, { target, onExpiry, known: null, latest: null }];
      }),
    );
  }

  /** The relays whose flows no list may refuse; takes effect with the next `repair`, which a verification brings. */
  setRelays(relays: readonly RelayAddress[]): void {
    this.#structure.setRelays(relays);
    this.#accounted = null;
  }

  /** Brings tables, chains and rules about where they are not as they should be; resolves to whether that was needed. */
  async repair(): Promise<boolean> {
    const changed = await this.#structure.ensure();
    if (changed) this.#accounted = null;
    return changed;
  }

  /** Whether anybody else changed the ruleset since the lists were last looked at. */
  async changedByOthers(): Promise<boolean> {
    return this.#accounted === null || (await this.#options.netlink.generation()) !== this.#accounted;
  }

  /** Declares the ruleset looked at as of now: call before verifying every list. */
  async beginVerification(): Promise<void> {
    this.#accounted = await this.#options.netlink.generation();
  }

  /**
   * Enforces a value and reads it back, by netlink and, the sets that were changed, through `nft`.
   *
   * @throws NftError; what was in force before still is
   */
  async enforce(id: string, value: ListValue, signal: AbortSignal): Promise<ListOutcome> {
    const entry = this.#entries.get(id);
    if (!entry) throw new Error(`no list is named ${id}`);
    const desired = this.#desiredOf(entry, value);
    const { bootMs, table } = this.#options;
    const repair = () => this.repair();
    const witness = entriesOf(value) <= WITNESS_ENTRIES_MAX ? new Witness(table, id) : null;
    const applied = (operations: readonly NftOperation[]) => witness?.read(operations);
    const result = await enforce(entry.target, desired, { known: entry.known, bootMs, signal, repair, applied });
    entry.known = result.actual;
    this.#account(result);
    const transactions = isCleaning(result.operations) ? 0 : result.operations.length;
    await witness?.check(desired, result.actual);
    return { transactions, intervals: desired.ipv4.count + desired.ipv6.count, appliedBootMs: result.appliedBootMs };
  }

  /** Where a slot is still to be emptied, the next verification must look at the lists. */
  #account({ actual, operations, cleaningDue }: EnforceResult): void {
    const expected = this.#accounted === null ? null : this.#accounted + operations.length;
    this.#accounted = expected === actual.generation && !cleaningDue ? expected : null;
  }

  #desiredOf(entry: Entry, value: ListValue): DesiredList {
    const { latest } = entry;
    const sameSets = latest?.value.ipv4 === value.ipv4 && latest.value.ipv6 === value.ipv6;
    const desired: DesiredList = {
      ipv4: sameSets ? latest.desired.ipv4 : intervalsOf(value.ipv4),
      ipv6: sameSets ? latest.desired.ipv6 : intervalsOf(value.ipv6),
      deadlineBootMs: value.deadlineBootMs,
      onExpiry: entry.onExpiry ?? value.onExpiry,
    };
    entry.latest = { value, desired };
    return desired;
  }
}
