import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HeapItem, IndexedHeap } from './indexed-heap.js';

interface Item extends HeapItem {
  key: number;
  readonly id: number;
}

const operation = fc.oneof(
  fc.record({ kind: fc.constant('push' as const), key: fc.nat(50) }),
  fc.record({ kind: fc.constant('pop' as const) }),
  fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant('update' as const), pick: fc.nat(), key: fc.nat(50) }),
);

describe('IndexedHeap', () => {
  it('behaves as a sorted list under any operations', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
        const heap = new IndexedHeap<Item>(before);
        const model: Item[] = [];
        let id = 0;
        for (const step of operations) {
          if (step.kind === 'push') {
            const item = { key: step.key, id: id++, heapIndex: -1 };
            heap.push(item);
            model.push(item);
          } else if (step.kind === 'pop') {
            expect(heap.pop()).toBe(model.sort(compare).shift());
          } else if (model.length > 0) {
            const item = model[step.pick % model.length]!;
            if (step.kind === 'update') {
              item.key = step.key;
              heap.update(item);
            } else {
              heap.remove(item);
              heap.remove(item);
              model.splice(model.indexOf(item), 1);
            }
          }
          expect(heap.size).toBe(model.length);
          expect(heap.peek()).toBe(model.sort(compare)[0]);
        }
      }),
    );
  });
});

function before(left: Item, right: Item): boolean {
  return compare(left, right) < 0;
}

function compare(left: Item, right: Item): number {
  return left.key - right.key || left.id - right.id;
}
