import type { Entries, SetContent, SetOperation } from '@higgins/netlink';
import { diffIntervals, type Intervals, sameIntervals } from '../nft/intervals.js';

/** Elements that go to the kernel over netlink, packed. Marks are 0 where a slot has nobody. */
export type Content =
  | { readonly kind: 'slots'; readonly marks: Uint32Array }
  | { readonly kind: 'marks'; readonly marks: readonly number[] }
  | { readonly kind: 'intervals'; readonly intervals: Intervals };

/** Upper bounds of the bytes on the wire per element that is added or deleted. */
export const ELEMENT_BYTES_MAX = 80;
/** Upper bound of the bytes around them. */
const BATCH_BYTES = 4_096;
/** What fills a map is split, so that nobody else waits for the ruleset for long: some 50,000 elements. */
const FILL_BYTES_MAX = 4 << 20;

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** What leads from one content to the other; none if they are the same. Deletions come before additions. */
export function contentChanges(set: string, before: Content | null, after: Content): SetOperation[] {
  if (before === after || (before?.kind === 'slots' && after.kind === 'slots' && before.marks === after.marks))
    return [];
  if (after.kind === 'slots') return slotChanges(set, before?.kind === 'slots' ? before.marks : NO_SLOTS, after.marks);
  if (after.kind === 'marks') return markChanges(set, before?.kind === 'marks' ? before.marks : [], after.marks);
  const known = before?.kind === 'intervals' ? before.intervals : none(after.intervals);
  if (sameIntervals(known, after.intervals)) return [];
  const { removed, added } = diffIntervals(known, after.intervals);
  return [
    { kind: 'delete' as const, set, keys: removed.keys, keyBytes: removed.keyBytes, layout: 'interval' as const },
    { kind: 'add' as const, set, keys: added.keys, keyBytes: added.keyBytes, layout: 'interval' as const },
  ].filter(({ keys }) => keys.length > 0);
}

/** The content as the kernel was read; `size` is the number of slots. */
export function contentRead(kind: Content['kind'], read: SetContent, size: number): Content {
  if (kind === 'intervals') {
    const keyBytes = read.keyBytes === 16 ? 16 : 4;
    return { kind, intervals: { keyBytes, count: read.count, keys: read.keys } };
  }
  if (kind === 'marks') return { kind, marks: wordsOf(read.keys) };
  const marks = new Uint32Array(size);
  const keys = wordsOf(read.keys);
  const values = wordsOf(read.values ?? new Uint8Array());
  for (let index = 0; index < keys.length; index++) {
    // A slot that the table does not have can't be met by a packet either.
    if (keys[index]! < size) marks[keys[index]!] = values[index]!;
  }
  return { kind, marks };
}

/** Operations as batches of at most so many bytes each. */
export function batchesOf(operations: readonly SetOperation[], bytesMax: number): SetOperation[][] {
  const countMax = Math.max(1, Math.floor((Math.min(bytesMax, FILL_BYTES_MAX) - BATCH_BYTES) / ELEMENT_BYTES_MAX));
  const batches: SetOperation[][] = [];
  let room = 0;
  for (const operation of operations.flatMap((each) => ('keys' in each ? parts(each, countMax) : [each]))) {
    const count = 'keys' in operation ? countOf(operation) : 1;
    if (count > room) {
      batches.push([]);
      room = countMax;
    }
    batches.at(-1)!.push(operation);
    room -= count;
  }
  return batches;
}

/** Upper bound of the bytes that a batch of these operations takes. */
export function bytesOf(operations: readonly SetOperation[]): number {
  return operations.reduce(
    (sum, operation) => sum + ('keys' in operation ? countOf(operation) * ELEMENT_BYTES_MAX : 0),
    BATCH_BYTES,
  );
}

/** Words as the kernel keeps marks and slots: in the machine's order. */
export function wordsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, LITTLE_ENDIAN));
}

/** The reverse of `wordsOf`. */
export function bytesOfWords(words: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < words.length; index++) view.setUint32(index * 4, words[index]!, LITTLE_ENDIAN);
  return bytes;
}

const NO_SLOTS = new Uint32Array();

function none(like: Intervals): Intervals {
  return { keyBytes: like.keyBytes, count: 0, keys: new Uint8Array() };
}

function slotChanges(set: string, before: Uint32Array, after: Uint32Array): SetOperation[] {
  const deleted: number[] = [];
  const added: number[] = [];
  for (let slot = 0; slot < after.length; slot++) {
    const [was, is] = [before[slot] ?? 0, after[slot]!];
    if (was === is) continue;
    if (was !== 0) deleted.push(slot);
    if (is !== 0) added.push(slot);
  }
  const values = bytesOfWords(added.map((slot) => after[slot]!));
  return [
    ...keyed('delete', set, deleted),
    ...keyed('add', set, added).map((operation) => ({ ...operation, values, valueBytes: 4 })),
  ];
}

function markChanges(set: string, before: readonly number[], after: readonly number[]): SetOperation[] {
  const [had, has] = [new Set(before), new Set(after)];
  return [
    ...keyed(
      'delete',
      set,
      before.filter((mark) => !has.has(mark)),
    ),
    ...keyed(
      'add',
      set,
      after.filter((mark) => !had.has(mark)),
    ),
  ];
}

function keyed(kind: 'add' | 'delete', set: string, words: readonly number[]) {
  return words.length === 0 ? [] : [{ kind, set, keys: bytesOfWords(words), keyBytes: 4 }];
}

function countOf({ keys, keyBytes, layout }: Entries): number {
  return keys.length / keyBytes / (layout === undefined || layout === 'plain' ? 1 : 2);
}

function parts(operation: SetOperation & { kind: 'add' | 'delete' }, countMax: number): SetOperation[] {
  const count = countOf(operation);
  if (count <= countMax) return [operation];
  const entryBytes = operation.keys.length / count;
  const out: SetOperation[] = [];
  for (let from = 0; from < count; from += countMax) {
    const keys = operation.keys.subarray(from * entryBytes, (from + countMax) * entryBytes);
    const values = operation.values?.subarray(from * 4, (from + countMax) * 4);
    out.push({ ...operation, keys, ...(values === undefined ? {} : { values }) });
  }
  return out;
}
