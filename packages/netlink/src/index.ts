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
