import type { Guarantee, Invariant } from '../frame/invariant.js';
import { comesAsWithout, type DeliveryTimes } from './support/delivery-times.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'loss-delays-only-its-own',
  statement: 'loss on one path delays neither the tracks that come by others nor the peers that do not sit behind it',
  design: [20],
};

/** Times that differ by less: packets that left together leave one after the other. */
const SLACK_MS = 2;

/** Invariant 20 of the design, BUS-55 and BUS-62. `lossy`: what the loss may delay, by consumer and track. */
export function lossDelaysOnlyItsOwn(
  without: DeliveryTimes,
  lossy: (node: string, track: string) => boolean,
): Invariant {
  return comesAsWithout(guarantee, without, (node, track) => !lossy(node, track), SLACK_MS);
}
