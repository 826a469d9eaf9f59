import type { Affinity } from '../affinity.js';
import type { OutlierSettings, WhenNoneHealthy } from '../health/settings.js';
import type { TableSize } from '../maglev.js';
import type { Algorithm } from '../selector.js';

/** Who translated the resource; another front end may change it only if it can express all of it. */
export type FrontEnd = 'core' | 'lobby' | 'gateway-api';

/** Everything that one source (a file, or the bus) wants balanced. */
export interface BalancerConfiguration {
  readonly loadBalancers: readonly LoadBalancer[];
}

/** One service of one owner: addresses, listeners and the pools that they lead to. */
export interface LoadBalancer {
  /** `local` for a host's own file; an organisation's id otherwise. */
  readonly owner: string;
  /** Unique per owner. */
  readonly name: string;
  readonly frontEnd: FrontEnd;
  /** Virtual addresses, as addresses, CIDRs or `first-last`; empty: every address that is the host's own. */
  readonly addresses: readonly string[];
  /** Hash seed, 32 bits; null: derived from owner and name, the same on all nodes. */
  readonly seed: number | null;
  /** Priority of the chains; the smaller runs first. Default -100, where destination translation stands. */
  readonly chainPriority: number;
  /** Announces the addresses by BGP while the table is verified and a pool serves; null: not announced. */
  readonly announcement: Announcement | null;
  readonly listeners: readonly Listener[];
  readonly pools: readonly Pool[];
}

/** How addresses are announced. */
export interface Announcement {
  /** `asn:value` or `asn:a:b`. */
  readonly communities: readonly string[];
}

/**
 * How packets reach the member. `nat` rewrites the destination; `dsr-l2` only the destination's MAC address, `dsr-l3`
 * nothing at all (a routing table per member), and replies bypass the node; `proxy` opens a connection of its own.
 */
export type DataPath = 'nat' | 'dsr-l2' | 'dsr-l3' | 'proxy';

/** A transport protocol with ports in its first four bytes. */
export type Protocol = 'tcp' | 'udp' | 'sctp';

/** A protocol and port on the load balancer's addresses. */
export interface Listener {
  /** Unique in the load balancer. */
  readonly name: string;
  readonly protocol: Protocol;
  /** 1 to 65,535; with its protocol, address and interface unique on the node. */
  readonly port: number;
  /** Narrows the load balancer's addresses; empty: all of them. */
  readonly addresses: readonly string[];
  /** Receiving devices; empty: all. */
  readonly interfaces: readonly string[];
  readonly dataPath: DataPath;
  /** Direct server return in XDP where driver and kernel have it; `auto` falls back by name, `require` refuses. */
  readonly acceleration: 'off' | 'auto' | 'require';
  /**
   * Whether members of direct server return are looked at before they get packets: `enforce` holds back those that are not
   * set up for it, `warn` only tells. Without effect for other data paths.
   */
  readonly dsrCheck: 'off' | 'warn' | 'enforce';
  /** First match serves; on this layer exactly one rule that matches everything. */
  readonly rules: readonly Rule[];
  readonly limits: ListenerLimits;
  readonly timeouts: ListenerTimeouts;
  /** What members see as the source: the client, or an address of the node (`translate`; not failover-safe). */
  readonly clientAddress: 'keep' | 'translate';
  /** For `translate`: the addresses to use, at most one per family; empty: the outgoing device's. */
  readonly sourceAddresses: readonly string[];
  /** Sources that are let in; null: all. Others are refused. */
  readonly allow: SourceList | null;
  /** Sources that are dropped. */
  readonly block: SourceList | null;
  /** Receives a copy of each packet towards the service; its answers are ignored. */
  readonly mirror: string | null;
  /** Whether connections that the host itself opens are balanced too. */
  readonly localTraffic: boolean;
}

/** Which flows go to which pool. */
export interface Rule {
  /** Null: every flow. */
  readonly match: null;
  readonly pool: string;
}

/** Sources in the configuration itself, or a named list of the bus with its own TTL. */
export type SourceList =
  | { readonly kind: 'inline'; readonly prefixes: readonly string[] }
  | { readonly kind: 'track'; readonly track: string };

/** Null: no limit. */
export interface ListenerLimits {
  /** Open connections of one member; the next one is never delivered to it. */
  readonly connectionsPerMember: number | null;
  /** New connections per second in the PoP, shared by its nodes; what is above is refused. */
  readonly connectionsPerSecond: number | null;
  /** New connections that may come at once above the rate, shared likewise. */
  readonly burst: number;
  /** Open connections of the whole listener. */
  readonly connections: number | null;
}

/** Null: the kernel's own. */
export interface ListenerTimeouts {
  /** For a member's answer to the first packet; then it is a failure of the member. */
  readonly connectMs: number | null;
  /** After which the state of a silent flow is released. */
  readonly idleMs: number | null;
  /** What a packet of a released flow meets: it is picked up again (`release`), or reset. */
  readonly onIdle: 'release' | 'reset';
  /** For a proxy's own connection; null: as `connectMs`. */
  readonly memberConnectMs: number | null;
}

/** Members among which new flows are distributed. */
export interface Pool {
  /** Unique in the load balancer. */
  readonly name: string;
  readonly algorithm: Algorithm;
  /** Null: by the number of members. */
  readonly tableSize: TableSize | null;
  readonly affinity: Affinity | null;
  /** Default of the members; null: members are not checked. */
  readonly activeCheck: ActiveCheck | null;
  /** Null: real traffic takes no member out. */
  readonly passiveCheck: OutlierSettings | null;
  readonly slowStartMs: number;
  readonly panicPercent: number;
  readonly whenNoneHealthy: WhenNoneHealthy;
  /** How long a drained member's flows may last; null: until they end. */
  readonly drainMs: number | null;
  /** PROXY protocol header towards members; the `proxy` data path only. */
  readonly proxyProtocol: 'v1' | 'v2' | null;
  readonly members: readonly Member[];
}

/** Who serves. */
export interface Member {
  /** Unique in the pool; the mapping of flows depends on it. */
  readonly name: string;
  /** Literal address or fully qualified domain name. */
  readonly host: string;
  /** 1 to 65,535. */
  readonly port: number;
  /** 0 (drain) to 65,535. */
  readonly weight: number;
  /** 0 serves first; a higher number is a backup for when all below are out. */
  readonly priority: number;
  readonly admin: 'enabled' | 'draining' | 'disabled';
  /** `inherit`: the pool's; null: not checked. */
  readonly activeCheck: ActiveCheck | 'inherit' | null;
  /** How the name is resolved; ignored for a literal address. */
  readonly resolution: Resolution;
}

/** How a member's name becomes addresses. */
export interface Resolution {
  /** `address` or `address:port`, asked in order until one answers; empty: the system's. */
  readonly servers: readonly string[];
  /** Time between resolutions, 1,000 and above; null: the answer's TTL. */
  readonly ttlMs: number | null;
  /** `one`: the name is one member; `all`: every address of the answer is a member of its own. */
  readonly members: 'one' | 'all';
}

/** What is sent to a member to learn whether it serves. */
export interface ActiveCheck {
  /** `tcp`, `udp`, `http`, `https`, `tls`, or the name of a type that the operator registered. */
  readonly type: string;
  /** Null: the member's port. */
  readonly port: number | null;
  /** 100 to 65,535,000. */
  readonly intervalMs: number;
  /** 1 up to the interval, at most 255,000. */
  readonly timeoutMs: number;
  /** Successes in a row that bring a member back, 1 to 255. */
  readonly rise: number;
  /** Failures in a row that take a member out, 1 to 255. */
  readonly fall: number;
  /** Whether the member serves before its first result. */
  readonly startAvailable: boolean;
  /** For `http` and `https`. */
  readonly http: HttpCheck | null;
  /** For `https` and `tls`. */
  readonly tls: TlsCheck | null;
  /** For `udp`; null: an empty datagram, and silence is success. */
  readonly udp: UdpCheck | null;
}

/** An HTTP request and what is a good answer. */
export interface HttpCheck {
  readonly method: 'GET' | 'HEAD';
  /** Starts with `/`. */
  readonly path: string;
  /** The Host header; null: the member's host. */
  readonly host: string | null;
  /** Inclusive ranges of status codes. */
  readonly statuses: readonly (readonly [from: number, to: number])[];
}

/** What is asked of a certificate. */
export interface TlsCheck {
  readonly verify: boolean;
  /** Name that is sent and verified; null: the member's host if it is a name. */
  readonly serverName: string | null;
}

/** A datagram and its answer. */
export interface UdpCheck {
  readonly payload: Uint8Array;
  /** What the answer must start with; null: any answer, or none at all without an ICMP error. */
  readonly expect: Uint8Array | null;
}
