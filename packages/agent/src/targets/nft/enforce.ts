import { setTimeout as delay } from 'node:timers/promises';
import { NetlinkError } from '@higgins/netlink';
import { type NftListTarget, permanentError } from './apply.js';
import { NftError } from './errors.js';
import type { ActualList, DesiredList, NftOperation } from './model.js';

/** Rounds of reading, planning and applying before a ruleset that others keep changing is left for later. */
const ROUNDS_MAX = 24;
/** First pause after a round that others spoilt; doubled each time. */
const PAUSE_MS = 2;
const PAUSE_MS_MAX = 200;

/** What was done to bring a list about. */
export interface EnforceResult {
  /** What was read back and found in place. */
  readonly actual: ActualList;
  readonly operations: readonly NftOperation[];
  /** When the last transaction was in force; null if nothing had to be done. */
  readonly appliedBootMs: number | null;
  /** Whether a slot that was just left is to be emptied by a later call. */
  readonly cleaningDue: boolean;
}

export interface EnforceOptions {
  /** What was read last, used if nobody changed the ruleset since. */
  readonly known: ActualList | null;
  readonly bootMs: () => number;
  readonly signal: AbortSignal;
  /** Brings the table's structure about; called when a part of it turns out to be missing. */
  readonly repair: () => Promise<unknown>;
  /** Told of transactions that are in force, before they are read back. */
  readonly applied?: (operations: readonly NftOperation[]) => void;
}

/**
 * Reads, plans and applies until a read shows that nothing is left to do.
 *
 * @throws NftError; the last good state is in force, or, if a large change was under way, the slot that no packet
 * looks at is partly filled
 */
export async function enforce(
  target: NftListTarget,
  desired: DesiredList,
  options: EnforceOptions,
): Promise<EnforceResult> {
  const { bootMs, signal } = options;
  const done: NftOperation[] = [];
  let appliedBootMs: number | null = null;
  let pauseMs = PAUSE_MS;
  let obstacle: unknown;
  let known = options.known;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    signal.throwIfAborted();
    try {
      const actual: ActualList = known && (await target.stillActual(known)) ? known : await target.verify();
      known = null;
      const operations = target.plan(desired, actual, bootMs());
      const cleaningDue = done.length > 0 && isCleaning(operations);
      if (operations.length === 0 || cleaningDue) return { actual, operations: done, appliedBootMs, cleaningDue };
      await target.apply(operations, signal);
      appliedBootMs = bootMs();
      options.applied?.(operations);
      done.push(...operations);
    } catch (error) {
      const permanent = permanentError(error);
      if (permanent) throw permanent;
      obstacle = error;
      known = null;
      if (error instanceof NetlinkError && error.code === 'not-found') await options.repair();
      await delay(pauseMs, undefined, { signal });
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
    }
  }
  throw new NftError(
    'contended',
    `list ${target.id}: not in place after ${ROUNDS_MAX} attempts: ${reasonOf(obstacle)}`,
    {
      cause: obstacle,
    },
  );
}

/**
 * Whether operations only empty the slot that is not in use. A packet under way may still look at one that was left a
 * moment ago, so that this waits for the next verification.
 */
export function isCleaning(operations: readonly NftOperation[]): boolean {
  return operations.length > 0 && operations.every(({ steps }) => steps.every((step) => step.kind === 'flush'));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'the ruleset keeps changing';
}
