import type { LookupFunction } from 'node:net';
import type { Resolver } from '../core/contract.js';
import { familyOf } from '../names/addresses.js';

/**
 * Name resolution for sockets that does not occupy the process's few worker threads: with the name server dead, a webhook
 * must not delay what else waits for one of them, such as the disk.
 */
export function resolverLookup(resolver: Resolver, signal: AbortSignal): LookupFunction {
  const resolution = { servers: [], ttlMs: null, members: 'all' as const };
  return (host, options, done) => {
    resolver.resolve({ host, families: [4, 6], resolution }, signal).then(
      ({ addresses }) => {
        const all = addresses.map((address) => ({ address, family: familyOf(address) }));
        if (options.all) done(null, all);
        else done(null, all[0]!.address, all[0]!.family);
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), ''),
    );
  };
}
