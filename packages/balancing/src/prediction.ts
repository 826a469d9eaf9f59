import { checkKey, type Flow, type FlowKey, KEY_BYTES_MAX, writeKey } from './flow-key.js';
import { jenkinsHash, reciprocalScale } from './jenkins-hash.js';
import { checkSeed } from './maglev.js';
import { memberAt, type SlotTable } from './slot-table.js';

/** How the kernel chooses a slot by hash: `jhash KEY mod SIZE seed SEED`. */
export interface HashChoice {
  readonly kind: 'hash';
  readonly key: FlowKey;
  /** 32 bits; also the seed of the table. */
  readonly seed: number;
  /** Slots of the table. */
  readonly size: number;
}

/**
 * Answers "which member serves this flow?" exactly as an nft rule `jhash … mod … seed …` and its slot map do, for new
 * flows: established ones stay where conntrack has them. Allocates nothing per flow.
 */
export class FlowPredictor {
  readonly choice: HashChoice;
  readonly #bytes = new Uint8Array(KEY_BYTES_MAX);

  /** @throws BalancingError `KEY` or `SEED`. */
  constructor(choice: HashChoice) {
    checkKey(choice.key);
    checkSeed(choice.seed);
    this.choice = choice;
  }

  /** The slot, 0 to `size - 1`. @throws BalancingError `ADDRESS` or `PORT`. */
  slotOf(flow: Flow): number {
    const { key, seed, size } = this.choice;
    return reciprocalScale(jenkinsHash(this.#bytes, seed, writeKey(key, flow, this.#bytes)), size);
  }

  /** The member's name, null if the table has no slots. @throws BalancingError `ADDRESS` or `PORT`. */
  memberOf(flow: Flow, table: SlotTable): string | null {
    return memberAt(table, this.slotOf(flow));
  }
}
