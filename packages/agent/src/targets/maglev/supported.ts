import { NftError } from '../nft/errors.js';
import type { DesiredBalancer, DesiredService } from './model.js';

/**
 * Refuses what the kernel can't do on the data path that was chosen, naming it.
 *
 * @throws NftError `refused`
 */
export function checkSupported({ services }: DesiredBalancer): void {
  const ids = new Set<string>();
  for (const service of services) {
    if (!/^\w{1,48}$/.test(service.id)) refuse(service, `its id is not 1 to 48 letters, digits and "_"`);
    if (ids.has(service.id)) refuse(service, 'its id is there twice');
    ids.add(service.id);
    if (service.dataPath !== 'nat') checkDirect(service);
  }
}

function checkDirect(service: DesiredService): void {
  const path = 'with direct server return';
  const { members, port, connectionsPerMember, connections, source, localTraffic, mirror, dataPath, onIdle } = service;
  if (connectionsPerMember !== null || connections !== null)
    refuse(service, `open connections can't be limited ${path}`);
  if (source !== 'keep') refuse(service, `the source address can't be changed ${path}`);
  if (localTraffic) refuse(service, `the host's own connections can't be balanced ${path}`);
  if (onIdle === 'reset') refuse(service, `idle connections can't be reset ${path}`);
  if (mirror !== null && dataPath === 'dsr-l2') refuse(service, "packets can't be mirrored on the data path dsr-l2");
  for (const [name, member] of members) {
    if (member.port !== port) refuse(service, `member ${name} has port ${member.port}, which must be ${port} ${path}`);
  }
}

function refuse({ id }: DesiredService, reason: string): never {
  throw new NftError('refused', `service ${id}: ${reason}`);
}
