import { setTimeout as delay } from 'node:timers/promises';

/** How often a condition is looked at: rarely enough to leave the processor to what is waited for. */
const LOOK_EVERY_MS = 5;

/** Waits for a condition to be observed; the test's own time limit is the bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(LOOK_EVERY_MS);
}
