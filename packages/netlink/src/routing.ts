import { NetlinkError } from './errors.js';
import { loadAddon, type NativeRoutingAnswer } from './native.js';

/** A network device of the namespace. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Whether it carries Ethernet frames. */
  readonly ethernet: boolean;
  readonly up: boolean;
  /** 6 bytes for Ethernet. */
  readonly mac: Uint8Array;
}

/** How packets to an address leave. */
export interface Way {
  /** Index of the device. */
  readonly device: number;
  /** Next hop; null if the address is on the link. */
  readonly gateway: string | null;
  /** The node's own address on that way. */
  readonly source: string | null;
  /** Whether the address is the node's own. */
  readonly local: boolean;
}

/** A neighbour whose MAC address is known. */
export interface Neighbour {
  readonly device: number;
  readonly address: string;
  readonly mac: Uint8Array;
}

/**
 * A routing table of its own for packets with a mark: the table's number is the mark, and its one route leads to the
 * gateway. Rules and routes carry the protocol number 76, by which they are found again.
 */
export interface MarkedRoute {
  readonly family: 4 | 6;
  readonly mark: number;
  /** Index of the device. */
  readonly device: number;
  /** On the device's link. */
  readonly gateway: string;
}

/** All devices. @throws NetlinkError */
export function links(): readonly Link[] {
  return unwrap(loadAddon().routingLinks()).links ?? [];
}

/** How the node sends to an address now; null if it can't. @throws NetlinkError */
export function wayTo(address: string): Way | null {
  const { way } = unwrap(loadAddon().routingWayTo(address));
  return way
    ? { device: way.device, gateway: way.gateway ?? null, source: way.source ?? null, local: way.local }
    : null;
}

/** Neighbours of all devices whose MAC address is known. @throws NetlinkError */
export function neighbours(): readonly Neighbour[] {
  return unwrap(loadAddon().routingNeighbours()).neighbours ?? [];
}

/** Marked routes that are in force. @throws NetlinkError */
export function markedRoutes(): readonly MarkedRoute[] {
  const { routes = [] } = unwrap(loadAddon().routingMarkedRoutes());
  return routes.map(({ family, ...route }) => ({ ...route, family: family === 4 ? 4 : 6 }));
}

/** Brings a marked route about: route first, then the rule. What the mark had is replaced. @throws NetlinkError */
export function addMarkedRoute(route: MarkedRoute): void {
  unwrap(loadAddon().routingAddMarkedRoute(route));
}

/** Removes a marked route; one that is not there is no error. @throws NetlinkError */
export function removeMarkedRoute({ family, mark }: Pick<MarkedRoute, 'family' | 'mark'>): void {
  unwrap(loadAddon().routingRemoveMarkedRoute(family, mark));
}

function unwrap(answer: NativeRoutingAnswer): NativeRoutingAnswer {
  if (!answer.failure) return answer;
  throw new NetlinkError(answer.failure.errno, null, answer.failure.message);
}
