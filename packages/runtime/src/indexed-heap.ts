/** What an IndexedHeap holds: the heap keeps the item's own place in it, so that it can be taken out from the middle. */
export interface HeapItem {
  /** -1 while the item is in no heap; written by the heap only. An item can be in one heap at a time. */
  heapIndex: number;
}

/** A binary heap whose items can be removed and re-ordered in O(log n). Order is total only if `before` is. */
export class IndexedHeap<Item extends HeapItem> {
  readonly #items: Item[] = [];
  readonly #before: (left: Item, right: Item) => boolean;

  /** `before` tells whether `left` leaves the heap earlier than `right`. */
  constructor(before: (left: Item, right: Item) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The item that `pop` would return, or undefined if the heap is empty. */
  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  pop(): Item | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Takes the item out; does nothing if it is in no heap. */
  remove(item: Item): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop()!;
    if (last !== item) this.#place(last, index);
  }

  /** Puts the item where it belongs after its order has changed; does nothing if it is in no heap. */
  update(item: Item): void {
    if (item.heapIndex >= 0) this.#place(item, item.heapIndex);
  }

  clear(): void {
    for (const item of this.#items) item.heapIndex = -1;
    this.#items.length = 0;
  }

  #place(item: Item, index: number): void {
    const parent = (index - 1) >> 1;
    if (index > 0 && this.#before(item, this.#items[parent]!)) this.#rise(item, index);
    else this.#sink(item, index);
  }

  #rise(item: Item, from: number): void {
    const items = this.#items;
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = items[parentIndex]!;
      if (!this.#before(item, parent)) break;
      items[index] = parent;
      parent.heapIndex = index;
      index = parentIndex;
    }
    items[index] = item;
    item.heapIndex = index;
  }

  #sink(item: Item, from: number): void {
    const items = this.#items;
    const size = items.length;
    let index = from;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= size) break;
      if (childIndex + 1 < size && this.#before(items[childIndex + 1]!, items[childIndex]!)) childIndex += 1;
      const child = items[childIndex]!;
      if (!this.#before(child, item)) break;
      items[index] = child;
      child.heapIndex = index;
      index = childIndex;
    }
    items[index] = item;
    item.heapIndex = index;
  }
}
