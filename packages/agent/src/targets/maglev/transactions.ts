import { addMarkedRoute, type Netlink, NetlinkError, removeMarkedRoute, type SetOperation } from '@higgins/netlink';
import { permanentError } from '../nft/apply.js';
import { NftError } from '../nft/errors.js';
import { runNft } from '../nft/nft-command.js';
import { bytesOfWords } from './contents.js';
import { SHARED } from './names.js';
import type { ActualBalancer, Plan, Step } from './plan.js';
import { readStructure } from './read.js';

/** Plans that are made anew because others changed the ruleset meanwhile, before the change is given up for now. */
export const ATTEMPTS_MAX = 16;

/** Where transactions go. */
export interface Tables {
  readonly netlink: Netlink;
  /** Name of the tables. */
  readonly table: string;
}

/** Transactions in order, up to the first that is refused. */
export async function carryOut(
  { netlink, table }: Tables,
  steps: readonly Step[],
  signal: AbortSignal,
): Promise<{ readonly error: unknown; readonly done: number } | null> {
  let batches = 0;
  for (const [done, step] of steps.entries()) {
    signal.throwIfAborted();
    try {
      if (step.kind === 'script') await runNft(['-f', '-'], step.text);
      else if (step.kind === 'routes') {
        for (const route of step.add) addMarkedRoute(route);
        for (const route of step.remove) removeMarkedRoute(route);
      } else {
        const generation = step.generation === null ? undefined : step.generation + batches++;
        await netlink.commit({ family: step.family, name: table }, step.operations, generation);
      }
    } catch (error) {
      return { error, done };
    }
  }
  return null;
}

/** What nft refused although nobody else changed the ruleset is thrown; otherwise it is tried again, knowing that. */
export async function curable(netlink: Netlink, error: unknown, generation: number): Promise<NftError | null> {
  if (error instanceof NftError && error.code === 'refused') {
    if ((await netlink.generation()) === generation) throw error;
    return error;
  }
  const permanent = permanentError(error);
  if (permanent) throw permanent;
  return null;
}

/**
 * Stores what the structure reads back as, so that a later process sees whether anybody touched it.
 *
 * @throws NftError `contended` if another program replaced it meanwhile
 */
export async function storeReadback({ netlink, table }: Tables, { digest, ruleset }: Plan): Promise<ActualBalancer> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const { actual, readback } = await readStructure(netlink, table, ruleset);
    if (actual.structure !== digest) break;
    const operations: SetOperation[] = [
      { kind: 'flush', set: SHARED.readback },
      { kind: 'add', set: SHARED.readback, keys: digestBytes(readback), keyBytes: 8 },
    ];
    const { generation } = actual;
    const stored = await netlink.commit({ family: 'inet', name: table }, operations, generation).then(
      () => true,
      (error: unknown) => isStale(error),
    );
    if (stored) return { ...actual, generation: generation + 1 };
  }
  throw new NftError('contended', `the structure of table ${table} was replaced by another program`);
}

/** The generation that these transactions lead to, if nobody else has any. */
export function generationAfter({ generation }: ActualBalancer, steps: readonly Step[]): number {
  return generation + steps.filter(({ kind }) => kind !== 'routes').length;
}

/** False for a stale generation; anything else is thrown on. */
function isStale(error: unknown): false {
  if (error instanceof NetlinkError && error.code === 'generation-changed') return false;
  throw error;
}

function digestBytes(digest: string): Uint8Array {
  return bytesOfWords([Number.parseInt(digest.slice(0, 8), 16), Number.parseInt(digest.slice(8), 16)]);
}
