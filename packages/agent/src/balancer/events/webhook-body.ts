import type { BalancerEvent } from '../core/events.js';
import { describeEvent } from './describe.js';
import { BODY_BYTES_MAX } from './limits.js';

/** An event on its way to receivers. */
export interface Notification {
  /** Unique on the node; the same in each attempt, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly node: string;
  readonly event: BalancerEvent;
}

/**
 * The JSON that is sent: `id`, `node`, `at` (ISO 8601), `severity`, `kind`, `text` (one sentence), `lost` (events before
 * this one that this receiver will never see) and `event` with all particulars, or null if that would be too long.
 */
export function webhookBody({ id, node, event }: Notification, lost: number): Uint8Array {
  const { atWallMs, severity, kind } = event;
  const head = { id, node, at: new Date(atWallMs).toISOString(), severity, kind, text: describeEvent(event), lost };
  const whole = Buffer.from(JSON.stringify({ ...head, event }));
  return whole.length <= BODY_BYTES_MAX ? whole : Buffer.from(JSON.stringify({ ...head, event: null }));
}
