import type { ReceiverSet } from '@higgins/transport';
import type { SetListener } from './relay-context.js';

/** The receiver sets that a core has open, by the number under which their events come back. */
export class ReceiverSets {
  readonly #make: (id: number) => ReceiverSet;
  readonly #listeners = new Map<number, SetListener>();
  #next = 1;

  constructor(make: (id: number) => ReceiverSet) {
    this.#make = make;
  }

  /** Makes a set whose events go to `listener` until it is closed. */
  open(listener: SetListener): ReceiverSet {
    const id = this.#next++;
    this.#listeners.set(id, listener);
    const set = this.#make(id);
    return {
      add: (receiver, priority) => set.add(receiver, priority),
      setPriority: (receiver, priority) => set.setPriority(receiver, priority),
      remove: (receiver, code) => (code === undefined ? set.remove(receiver) : set.remove(receiver, code)),
      open: (group, head, options) => set.open(group, head, options),
      append: (group, body, fin) => set.append(group, body, fin),
      reset: (group, code) => set.reset(group, code),
      close: () => {
        this.#listeners.delete(id);
        set.close();
      },
    };
  }

  /** Who is told of the set's events; undefined once it is closed. */
  listener(id: number): SetListener | undefined {
    return this.#listeners.get(id);
  }
}
