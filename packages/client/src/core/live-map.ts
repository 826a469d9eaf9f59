import type { MapDelta } from '@higgins/signals';

/**
 * The entries of a map track as they are now; it changes with every object. Values are decoded when they are first
 * read: `get` throws SchemaError for one that breaks the schema, and all others stay readable.
 */
export interface LiveMap<V> extends Iterable<readonly [string, V]> {
  readonly size: number;
  has(key: string): boolean;
  get(key: string): V | undefined;
  keys(): IterableIterator<string>;
}

/** The writable side of a LiveMap: its entries as bytes. */
export class MapEntries<V> implements LiveMap<V> {
  readonly #decode: (bytes: Uint8Array) => V;
  readonly #decoded = new Map<string, V>();
  #entries: Map<string, Uint8Array>;

  constructor(decode: (bytes: Uint8Array) => V, entries: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#decode = decode;
    this.#entries = new Map(entries);
  }

  /** The encoded entries; changed in place by later objects. */
  get encoded(): ReadonlyMap<string, Uint8Array> {
    return this.#entries;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  get(key: string): V | undefined {
    const known = this.#decoded.get(key);
    const bytes = known === undefined ? this.#entries.get(key) : undefined;
    if (bytes === undefined) return known;
    const value = this.#decode(bytes);
    this.#decoded.set(key, value);
    return value;
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  *[Symbol.iterator](): Iterator<readonly [string, V]> {
    for (const key of this.#entries.keys()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /** Replaces everything, and returns the keys that differ. */
  replace(entries: ReadonlyMap<string, Uint8Array>): string[] {
    const changed = [...entries.keys()].filter((key) => !equalBytes(this.#entries.get(key), entries.get(key)));
    for (const key of this.#entries.keys()) if (!entries.has(key)) changed.push(key);
    this.#entries = new Map(entries);
    for (const key of changed) this.#decoded.delete(key);
    return changed;
  }

  /** Applies a delta, and returns its keys. */
  apply(delta: MapDelta): string[] {
    const changed = [...delta.removed, ...delta.set.keys()];
    for (const key of delta.removed) this.#entries.delete(key);
    for (const [key, value] of delta.set) this.#entries.set(key, value);
    for (const key of changed) this.#decoded.delete(key);
    return changed;
  }
}

/** Whether both are there with the same bytes. */
export function equalBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
