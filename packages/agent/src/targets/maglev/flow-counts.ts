import type { Netlink } from '@higgins/netlink';
import { MARK_BASE, MARK_MASK } from './names.js';

/** How old a reading may be: it takes a walk over all of connection tracking, and is asked for member by member. */
const AGE_MS_MAX = 100;

/** Flows that the node tracks, by the mark of their member. One reading answers for all members. */
export class FlowCounts {
  readonly #netlink: Netlink;
  readonly #bootMs: () => number;
  #reading: Promise<ReadonlyMap<number, number>> = Promise.resolve(new Map());
  #readBootMs = Number.NEGATIVE_INFINITY;

  constructor(netlink: Netlink, bootMs: () => number) {
    this.#netlink = netlink;
    this.#bootMs = bootMs;
  }

  /** Open flows with this mark; those that have ended and are only remembered do not count. */
  async of(mark: number): Promise<number> {
    const nowBootMs = this.#bootMs();
    if (nowBootMs - this.#readBootMs > AGE_MS_MAX) {
      this.#readBootMs = nowBootMs;
      this.#reading = this.#netlink.countFlowsByMark({ mark: MARK_BASE, markMask: MARK_MASK, openOnly: true });
    }
    return (await this.#reading).get(mark) ?? 0;
  }

  /** Ends the flows with this mark; resolves to how many. */
  async end(mark: number): Promise<number> {
    const ended = await this.#netlink.deleteFlows({ mark });
    this.#readBootMs = Number.NEGATIVE_INFINITY;
    return ended;
  }
}
