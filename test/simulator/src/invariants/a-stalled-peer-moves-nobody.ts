import type { Guarantee, Invariant } from '../frame/invariant.js';
import { comesAsWithout, type DeliveryTimes } from './support/delivery-times.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'a-stalled-peer-moves-nobody',
  statement: 'while one peer reads nothing, the others get everything as soon as in the same run without it',
  design: [19],
};

/** Times that differ by less: packets that left together leave one after the other. */
const SLACK_MS = 2;

/** Invariant 19 of the design and BUS-61. `without`: the same seed without the fault; `stalled`: whom it concerns. */
export function aStalledPeerMovesNobody(without: DeliveryTimes, stalled: readonly string[]): Invariant {
  return comesAsWithout(guarantee, without, (node) => !stalled.includes(node), SLACK_MS);
}
