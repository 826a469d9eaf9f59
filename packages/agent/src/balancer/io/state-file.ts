import type { Disk } from '@higgins/runtime';
import { z } from 'zod';
import { reasonOf } from '../../reason.js';
import type { SavedState } from '../core/saved-state.js';
import { SAVED_STATE_BYTES_MAX } from './limits.js';

const NAME = 'balancer/state.json';

const time = z.number().nullable();

const recordSchema = z.object({
  name: z.string(),
  admin: z.enum(['enabled', 'disabled', 'draining', 'drained']),
  drainDeadlineMs: time,
  passing: z.boolean().nullable(),
  // States of before members were looked at have none: who served goes on.
  fit: z.boolean().nullable().default(true),
  checkRun: z.int(),
  breaker: z.enum(['closed', 'open', 'half-open']),
  failureRun: z.int().min(0),
  trialSuccesses: z.int().min(0),
  window: z.array(z.object({ slice: z.int(), total: z.int(), failures: z.int(), slow: z.int() })),
  ejections: z.int().min(0),
  sinceMs: z.number(),
  restoreAtMs: time,
  closedAtMs: time,
  returnedAtMs: time,
});

const stateSchema = z.object({
  version: z.literal(1),
  bootId: z.string(),
  bootMs: z.number(),
  wallMs: z.number(),
  seeds: z.array(z.tuple([z.string(), z.int().min(0).max(0xffffffff)])),
  names: z.array(
    z.object({
      key: z.string(),
      addresses: z.array(z.string()),
      chosen: z.array(z.string()),
      resolvedWallMs: z.number(),
    }),
  ),
  pools: z.array(
    z.object({
      key: z.string(),
      members: z.array(z.object({ name: z.string(), definition: z.string(), record: recordSchema })),
    }),
  ),
  drains: z.array(
    z.object({
      ...{ owner: z.string(), loadBalancer: z.string(), pool: z.string(), member: z.string() },
      deadlineBootMs: time,
    }),
  ),
  // States of before nodes were told apart have none.
  nodes: z.array(z.object({ gateway: z.string(), nodes: z.array(z.string()) })).default([]),
  flushed: z.boolean(),
});

/** Writes the state of a balancer: all of it or nothing. */
export async function writeState(disk: Disk, state: SavedState): Promise<void> {
  await disk.replace(NAME, Buffer.from(JSON.stringify(state)));
}

/**
 * The state that an earlier life left; null if there is none. One that is damaged, or of another version, counts as none:
 * the kernel has what was in force, and health is soon known again. `refused` hears why.
 */
export async function readState(disk: Disk, refused: (reason: string) => void): Promise<SavedState | null> {
  const bytes = await disk.read(NAME);
  if (bytes === null) return null;
  if (bytes.length > SAVED_STATE_BYTES_MAX) {
    refused(`${NAME} has ${bytes.length} bytes, expected at most ${SAVED_STATE_BYTES_MAX}`);
    return null;
  }
  try {
    return stateSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    refused(`${NAME} is not the state of a balancer: ${reasonOf(error)}`);
    return null;
  }
}
