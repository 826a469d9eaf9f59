import type { BalancerConfiguration, LoadBalancer } from '@higgins/balancing';
import { AddressError, type Prefix, parsePrefix } from '@higgins/ipdata';
import type { AnnouncedRoute } from './routes.js';

/** What of a balancer's state decides about its routes. */
export interface AnnouncementState {
  /** The newest desired state is in the kernel and was read back. */
  readonly verified: boolean;
  /** Whether at least one listener of a load balancer has somebody to serve it. */
  serves(loadBalancer: LoadBalancer): boolean;
}

/**
 * The routes of all load balancers that are to be announced now: those with an announcement whose table is verified, and
 * of which at least one listener serves. A load balancer on the host's own addresses has nothing to announce.
 */
export function announcedRoutes(configuration: BalancerConfiguration, state: AnnouncementState): AnnouncedRoute[] {
  if (!state.verified) return [];
  return configuration.loadBalancers.flatMap((loadBalancer) => {
    const { announcement, addresses } = loadBalancer;
    if (announcement === null || !state.serves(loadBalancer)) return [];
    return addresses.map((address) => ({ prefix: prefixOf(address), communities: announcement.communities }));
  });
}

/** @throws AddressError for `first-last`, which no single route stands for. */
function prefixOf(address: string): Prefix {
  if (!address.includes('-')) return parsePrefix(address);
  throw new AddressError('SYNTAX', address, 'an address or a prefix, since a range can not be announced as one route');
}
