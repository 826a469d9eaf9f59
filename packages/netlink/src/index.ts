export { AddonError, NetlinkError, type NetlinkErrorCode } from './errors.js';
export { Netlink, type NetlinkOptions } from './netlink.js';
export type {
  Counted,
  Entries,
  Family,
  FlowDirection,
  FlowFilter,
  Layout,
  SetContent,
  SetOperation,
  SetShape,
  Snapshot,
  Table,
} from './operations.js';
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
