import { parseAddress, parsePrefix } from '@higgins/ipdata';
import { NftError } from './errors.js';
import { type Intervals, packedIntervals, sameIntervals } from './intervals.js';
import type { ActualList, DesiredList } from './model.js';
import { namesOf } from './names.js';
import { runNft } from './nft-command.js';
import { visibleSlot } from './plan.js';

/**
 * Has `nft` itself read the visible slot back and compares it with what is desired: a second program, which shares no
 * code with the netlink addon that wrote it. About 10 ms per 1,000 intervals.
 *
 * @throws NftError `read-back-differs` naming the set and both counts
 */
export async function witness(table: string, id: string, desired: DesiredList, actual: ActualList): Promise<void> {
  const slot = visibleSlot(actual);
  if (slot === null) return;
  // One process per set: nft reads only the last of several sets named in one command.
  const families = [[4, desired.ipv4] as const, [6, desired.ipv6] as const];
  const checks = families.map(async ([family, expected]) => {
    const set = namesOf.set(id, family, slot);
    const seen = intervalsIn(await runNft(['-j', 'list', 'set', 'inet', table, set]), family);
    if (sameIntervals(seen, expected)) return;
    const message = `nft reads ${seen.count} intervals from set ${set}, expected ${expected.count}`;
    throw new NftError('read-back-differs', seen.count === expected.count ? `${message} others` : message);
  });
  await Promise.all(checks);
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
