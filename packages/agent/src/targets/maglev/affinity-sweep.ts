import { staleEntries } from '@higgins/balancing';
import { type Netlink, NetlinkError, type SetContent } from '@higgins/netlink';
import { wordsOf } from './contents.js';
import { type Numbering, servingMarks } from './ids.js';
import type { DesiredService } from './model.js';
import { tableOf } from './plan.js';
import { affinityName } from './selection.js';

/** Entries end by themselves at any moment, which fails a batch that deletes them: it is then made anew. */
const ATTEMPTS_MAX = 5;

/**
 * Deletes the clients of members that have no slot from the map in which the service remembers them. Resolves to the number
 * of transactions.
 */
export async function sweepAffinity(
  netlink: Netlink,
  table: string,
  service: DesiredService,
  numbering: Numbering,
): Promise<number> {
  const family = tableOf(service);
  const set = affinityName(service, service.dataPath === 'nat' ? 'ct mark' : 'meta mark');
  const members = numbering.get(service.id);
  if (set === null || !members) return 0;
  const serving = new Set(servingMarks(service, members).map(String));
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const { sets } = await netlink.snapshot({ family, name: table }, [{ set, layout: 'plain' }]);
    const content = sets[0]!;
    const stale = staleEntries(entriesOf(content), serving);
    if (stale.length === 0) return 0;
    const keys = Buffer.concat(stale);
    try {
      await netlink.commit({ family, name: table }, [{ kind: 'delete', set, keys, keyBytes: content.keyBytes }]);
      return 1;
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'not-found') throw error;
    }
  }
  return 0;
}

function entriesOf({ keys, keyBytes, values }: SetContent): { key: Uint8Array; member: string }[] {
  return wordsOf(values ?? new Uint8Array()).map((mark, index) => ({
    key: keys.subarray(index * keyBytes, (index + 1) * keyBytes),
    member: String(mark),
  }));
}
