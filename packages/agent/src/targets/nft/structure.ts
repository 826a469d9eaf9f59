import { createHash } from 'node:crypto';
import type { Netlink } from '@higgins/netlink';
import { NftError } from './errors.js';
import type { Enforcement } from './model.js';
import { SHARED } from './names.js';
import { runNft } from './nft-command.js';
import { type ExistingStructure, renderStructure } from './render.js';

/** A relay's address. */
export interface RelayAddress {
  /** Literal IPv4 or IPv6 address. */
  readonly address: string;
  readonly port: number;
}

/** Where the fingerprint of the structure is kept between runs. */
export interface FingerprintStore {
  read(): Promise<string | null>;
  write(fingerprint: string): Promise<void>;
}

/** The table, its chains and rules: everything but the elements of the lists' sets. */
export class NftStructure {
  readonly #table: string;
  readonly #enforcements: readonly Enforcement[];
  readonly #netlink: Netlink;
  readonly #store: FingerprintStore;
  #relays: readonly RelayAddress[] = [];

  constructor(options: {
    table: string;
    enforcements: readonly Enforcement[];
    netlink: Netlink;
    store: FingerprintStore;
  }) {
    this.#table = options.table;
    this.#enforcements = options.enforcements;
    this.#netlink = options.netlink;
    this.#store = options.store;
  }

  /** The relays whose flows no list may refuse; takes effect with the next `ensure`. */
  setRelays(relays: readonly RelayAddress[]): void {
    this.#relays = [...relays].sort((a, b) => elementText(a).localeCompare(elementText(b)));
  }

  /**
   * Brings the structure about if it is not there as this program last left it; resolves to whether it had to.
   *
   * It is one transaction, in which the lists keep their elements. What cannot be had leaves the old structure in force.
   */
  async ensure(): Promise<boolean> {
    const before = await this.#read();
    const wanted = renderStructure(this.#structure(), NOTHING, '');
    const marker = `structure ${digest(wanted)}`;
    if (before && (await this.#isAsLeft(before, marker))) return false;
    await runNft(['-f', '-'], renderStructure(this.#structure(), before?.existing ?? NOTHING, marker));
    const after = await this.#read();
    if (!after?.markers.includes(marker)) {
      throw new NftError('read-back-differs', `nft does not read back the structure of table ${this.#table}`);
    }
    await this.#store.write(after.fingerprint);
    return true;
  }

  async #isAsLeft(read: ReadStructure, marker: string): Promise<boolean> {
    if (!read.markers.includes(marker) || (await this.#store.read()) !== read.fingerprint) return false;
    const { sets } = await this.#netlink.snapshot({ family: 'inet', name: this.#table }, [
      { set: SHARED.relays4, layout: 'plain' },
      { set: SHARED.relays6, layout: 'plain' },
    ]);
    return sets.reduce((sum, set) => sum + set.count, 0) === new Set(this.#relays.map(elementText)).size;
  }

  #structure() {
    const of = (colon: boolean) =>
      this.#relays.filter(({ address }) => address.includes(':') === colon).map(elementText);
    return { table: this.#table, enforcements: this.#enforcements, relays: { ipv4: of(false), ipv6: of(true) } };
  }

  async #read(): Promise<ReadStructure | null> {
    try {
      return parseStructure(await runNft(['-j', '-t', 'list', 'table', 'inet', this.#table]));
    } catch (error) {
      if (error instanceof NftError && /no such file or directory/i.test(error.message)) return null;
      throw error;
    }
  }
}

const NOTHING: ExistingStructure = { chains: [], sets: [], maps: [] };

interface ReadStructure {
  readonly existing: ExistingStructure;
  readonly markers: readonly string[];
  readonly fingerprint: string;
}

interface JsonItem {
  readonly chain?: { readonly name: string };
  readonly set?: { readonly name: string };
  readonly map?: { readonly name: string };
  readonly rule?: { readonly chain: string; readonly comment?: string };
}

/** Fields of nft's JSON that change by themselves, or with each load. */
const VOLATILE = new Set(['metainfo', 'handle', 'packets', 'bytes', 'elem']);

function parseStructure(json: string): ReadStructure {
  const { nftables } = JSON.parse(json) as { nftables: JsonItem[] };
  const named = (kind: 'chain' | 'set' | 'map') => nftables.flatMap((item) => item[kind]?.name ?? []);
  const markers = nftables.flatMap(({ rule }) => (rule?.chain === SHARED.marker ? (rule.comment ?? []) : []));
  const stable = JSON.stringify(nftables, (key, value: unknown) => (VOLATILE.has(key) ? undefined : value));
  return {
    existing: { chains: named('chain'), sets: named('set'), maps: named('map') },
    markers,
    fingerprint: digest(stable),
  };
}

function elementText({ address, port }: RelayAddress): string {
  return `${address} . ${port}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
