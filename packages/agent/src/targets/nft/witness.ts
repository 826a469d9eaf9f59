import { parseAddress, parsePrefix } from '@higgins/ipdata';
import { NftError } from './errors.js';
import { type Intervals, packedIntervals, sameIntervals } from './intervals.js';
import type { ActualList, NftOperation, SlotContent } from './model.js';
import { namesOf } from './names.js';
import { runNft } from './nft-command.js';
import { visibleSlot } from './plan.js';

/**
 * Has `nft` itself read back what was changed: a second program, which shares no code with the netlink addon that wrote
 * it. Its processes start as soon as a transaction is in force, and run while the addon reads back as well; a set that
 * no transaction touched is not read. About 10 ms per 1,000 intervals.
 */
export class Witness {
  readonly #table: string;
  readonly #id: string;
  readonly #readings = new Map<string, Promise<string>>();

  /** For one change of the list `id`. */
  constructor(table: string, id: string) {
    this.#table = table;
    this.#id = id;
  }

  /** Begins to read the sets that these transactions, which are in force, filled or changed. */
  read(operations: readonly NftOperation[]): void {
    const sets = operations.flatMap(({ steps }) => steps.flatMap((step) => ('intervals' in step ? [step.set] : [])));
    // One process per set: nft reads only the last of several sets named in one command.
    for (const set of new Set(sets)) {
      // As JSON, which nft writes at once: it writes text element by element, which takes several times as long.
      const reading = runNft(['-j', 'list', 'set', 'inet', this.#table, set]);
      // An enforcement that fails for another reason never looks at it.
      reading.catch(() => undefined);
      this.#readings.set(set, reading);
    }
  }

  /**
   * Compares what nft read of the slot that packets meet with what is desired.
   *
   * @throws NftError `read-back-differs` naming the set and both counts
   */
  async check(desired: SlotContent, actual: ActualList): Promise<void> {
    const slot = visibleSlot(actual);
    if (slot === null) return;
    for (const [family, expected] of [[4, desired.ipv4] as const, [6, desired.ipv6] as const]) {
      const set = namesOf.set(this.#id, family, slot);
      const reading = this.#readings.get(set);
      if (reading) compare(set, intervalsIn(await reading, family), expected);
    }
  }
}

function compare(set: string, seen: Intervals, expected: Intervals): void {
  if (sameIntervals(seen, expected)) return;
  const message = `nft reads ${seen.count} intervals from set ${set}, expected ${expected.count}`;
  throw new NftError('read-back-differs', seen.count === expected.count ? `${message} others` : message);
}

type JsonAddress =
  | string
  | { readonly prefix: { readonly addr: string; readonly len: number } }
  | { readonly range: readonly [string, string] }
  | { readonly elem: { readonly val: JsonAddress } };

interface JsonListing {
  readonly nftables: readonly { readonly set?: { readonly elem?: readonly JsonAddress[] } }[];
}

function intervalsIn(output: string, family: 4 | 6): Intervals {
  const elements = (JSON.parse(output) as JsonListing).nftables.flatMap((item) => item.set?.elem ?? []);
  const keyBytes = family === 4 ? 4 : 16;
  const view = new DataView(new ArrayBuffer(elements.length * keyBytes * 2));
  elements.forEach((element, index) => {
    const [first, last] = boundsOf(element);
    writeWords(view, index * keyBytes * 2, first);
    writeWords(view, index * keyBytes * 2 + keyBytes, last);
  });
  return packedIntervals(keyBytes, new Uint8Array(view.buffer));
}

function boundsOf(element: JsonAddress): readonly [Uint32Array, Uint32Array] {
  if (typeof element === 'string') return [parseAddress(element).words, parseAddress(element).words];
  if ('elem' in element) return boundsOf(element.elem.val);
  if ('range' in element) return [parseAddress(element.range[0]).words, parseAddress(element.range[1]).words];
  const { words, length } = parsePrefix(`${element.prefix.addr}/${element.prefix.len}`);
  return [words, words.map((word, index) => word | hostMask(length - index * 32))];
}

/** The bits of a word that lie behind a prefix of so many bits. */
function hostMask(bits: number): number {
  if (bits <= 0) return 0xffffffff;
  return bits >= 32 ? 0 : 0xffffffff >>> bits;
}

function writeWords(view: DataView, offset: number, words: Uint32Array): void {
  words.forEach((word, index) => {
    view.setUint32(offset + index * 4, word);
  });
}
