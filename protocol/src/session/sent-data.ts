import { encodeObjectDatagram, type ObjectDatagram } from '../data/datagram.js';
import type { StreamKey } from './contract.js';
import { DataSender } from './data-sender.js';
import type { SessionState } from './state.js';

/** What we send singly for one subscription, as its publisher. */
export class SentData {
  /** Data streams that the session has opened for it. */
  opened = 0;
  readonly #state: SessionState;
  readonly #open = new Set<DataSender>();

  constructor(state: SessionState) {
    this.#state = state;
  }

  /** Opens a subgroup stream and writes its header. */
  open(head: Uint8Array, priority: number): StreamKey {
    this.opened++;
    const sender = new DataSender(this.#state, priority, head, () => this.#open.delete(sender));
    this.#open.add(sender);
    return sender.stream;
  }

  datagram(datagram: ObjectDatagram): void {
    this.#state.actions.datagram(encodeObjectDatagram(datagram));
  }

  /** Resets the streams that are still open. */
  reset(code: number): void {
    for (const sender of this.#open) sender.abandon(code);
  }
}
