import type { Listener, Pool } from './model.js';
import { type Report, refusal, shown } from './problem.js';

/**
 * What direct server return can't do: packets reach the member as the client sent them, and replies bypass the node. So it
 * rewrites no port and no source, sees no answer and tracks no connection.
 */
export function checkDirectReturn(report: Report, listener: Listener, pool: Pool): void {
  const refuse = (path: (string | number)[], value: unknown, expected: string) =>
    report(path, refusal(value, `${expected} with ${listener.dataPath}`));
  const dataPath = (reason: string) => report(['dataPath'], refusal(listener.dataPath, `nat: ${reason}`));
  const other = pool.members.find(({ port }) => port !== listener.port);
  if (other !== undefined) {
    dataPath(`direct server return rewrites no port, and ${shown(other.name)} has ${other.port}, not ${listener.port}`);
  }
  if (pool.passiveCheck !== null) {
    dataPath(`direct server return sees no replies, which the passive check of ${shown(pool.name)} counts`);
  }
  if (pool.algorithm === 'least-connections') {
    dataPath(`direct server return tracks no connections, which least-connections of ${shown(pool.name)} counts`);
  }
  if (listener.clientAddress !== 'keep')
    refuse(['clientAddress'], listener.clientAddress, 'keep: nothing is rewritten');
  for (const field of ['connectionsPerMember', 'connections'] as const) {
    if (listener.limits[field] !== null) {
      refuse(['limits', field], listener.limits[field], 'null: open connections are not tracked');
    }
  }
  for (const field of ['connectMs', 'idleMs'] as const) {
    if (listener.timeouts[field] !== null) {
      refuse(['timeouts', field], listener.timeouts[field], 'null: connections are not tracked');
    }
  }
  if (listener.timeouts.onIdle !== 'release') {
    refuse(['timeouts', 'onIdle'], listener.timeouts.onIdle, 'release: connections are not tracked');
  }
  if (listener.mirror !== null && listener.dataPath === 'dsr-l2') {
    refuse(['mirror'], listener.mirror, 'null: packets leave before they could be copied');
  }
  const listed = (['allow', 'block'] as const).find((field) => listener[field]?.kind === 'track');
  if (listed !== undefined && listener.dataPath === 'dsr-l2') {
    refuse([listed, 'kind'], 'track', 'inline: packets leave before lists of the bus are looked up');
  }
  if (listed !== undefined && listener.acceleration === 'require') {
    report(['acceleration'], refusal('require', 'off or auto: XDP does not look up lists of the bus'));
  }
  if (listener.localTraffic) refuse(['localTraffic'], true, 'false: only packets that the node receives are forwarded');
}
