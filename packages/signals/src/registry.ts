import type { FullTrackName } from '@higgins/protocol';
import { applied } from './applied.js';
import { gatewayConfiguration } from './balancers/gateway-configuration.js';
import { nodePools } from './balancers/node-pools.js';
import { organisationList, platformList } from './lists/named-list.js';
import { publisherHeartbeat } from './publisher.js';
import type { SignalRow } from './signal.js';

/** Every signal, one row each; no two patterns describe the same track. */
export const registry: readonly SignalRow[] = [
  organisationList,
  platformList,
  applied,
  publisherHeartbeat,
  nodePools,
  gatewayConfiguration,
];

/** The signal that a track belongs to, whatever its stage; null for tracks of others. */
export function signalOf(name: FullTrackName): SignalRow | null {
  return registry.find((row) => row.params(name) !== null) ?? null;
}
