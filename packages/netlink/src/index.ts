export { AddonError, NetlinkError, type NetlinkErrorCode } from './errors.js';
export { Netlink, type NetlinkOptions } from './netlink.js';
export type {
  Counted,
  Entries,
  Family,
  FlowDirection,
  FlowFilter,
  Layout,
  ObjectKind,
  SetContent,
  SetOperation,
  SetShape,
  Snapshot,
  Table,
  TableStructure,
} from './operations.js';
export {
  MEMBER_PROBE_PORTS,
  MEMBER_PROBES_MAX,
  type MemberEvidence,
  type MemberProbe,
  probeMembers,
  probeObstacle,
} from './probe.js';
export {
  addMarkedRoute,
  type Link,
  links,
  type MarkedRoute,
  markedRoutes,
  type Neighbour,
  neighbours,
  removeMarkedRoute,
  type Way,
  wayTo,
} from './routing.js';
export { Xdp, type XdpOptions, xdpDevices, xdpObstacle } from './xdp.js';
export type {
  XdpApplied,
  XdpCount,
  XdpCounters,
  XdpDevice,
  XdpHop,
  XdpKeyField,
  XdpMember,
  XdpPassed,
  XdpService,
  XdpVerdict,
} from './xdp-services.js';
