/** A field of the packet that is part of a key, as nft would hash it. */
export type XdpKeyField = 'source-address' | 'destination-address' | 'protocol' | 'source-port' | 'destination-port';

/** A listener in one address family whose packets go on to members as they came. */
export interface XdpService {
  /** Unique. */
  readonly id: string;
  readonly family: 4 | 6;
  /** IP protocol number of TCP (6), UDP (17) or SCTP (132). */
  readonly protocol: number;
  readonly port: number;
  /** Receiving devices, by name. */
  readonly devices: readonly string[];
  /** Virtual addresses, 4 or 16 bytes each. */
  readonly addresses: readonly Uint8Array[];
  /** Of the hash, 32 bits. */
  readonly seed: number;
  /** What is hashed, in this order; each field once. */
  readonly fields: readonly XdpKeyField[];
  /** Leading bits of the source address that count; default: all. */
  readonly sourcePrefixLength?: number;
  /**
   * Whether the way to the member is a hop (TTL and hop limit go down by one, and a packet whose last hop this is passes)
   * or a link on which nothing but MAC addresses changes.
   */
  readonly routed: boolean;
  /** Also those without slots, so that their counters go on. At most 65,535. */
  readonly members: readonly XdpMember[];
  /** Index into `members` per slot; empty: nobody serves, and packets pass. Copied. */
  readonly slots: Uint16Array;
}

/** Who serves. */
export interface XdpMember {
  /** Unique in the service. */
  readonly name: string;
  readonly hop: XdpHop;
}

/**
 * How packets reach a member: through a device to a MAC address of 6 bytes, or as the kernel's own routing has it at that
 * moment, next hop and neighbour, towards an address of 4 or 16 bytes.
 */
export type XdpHop =
  | { readonly kind: 'neighbour'; readonly device: string; readonly mac: Uint8Array }
  | { readonly kind: 'route'; readonly address: Uint8Array };

/** What an application did. */
export interface XdpApplied {
  /** Whether another program took over, because addresses, devices or members changed beyond the room that there was. */
  readonly program: boolean;
  /** Services whose table changed in the program that was there. */
  readonly tables: number;
}

/** What was sent to one member. */
export interface XdpCount {
  readonly service: string;
  readonly member: string;
  readonly packets: number;
  /** Of IP packets, without frames. */
  readonly bytes: number;
}

/** Packets of services that were left to the kernel, by reason. */
export interface XdpPassed {
  /** The slot has no member. */
  readonly nobody: number;
  /** No route or neighbour yet, no forwarding, or too large for the way. */
  readonly route: number;
  /** The leaving device can't send for XDP. */
  readonly device: number;
  /** A fragment whose first one was not seen. */
  readonly fragment: number;
  /** The packet's last hop is this one. */
  readonly ttl: number;
}

/** Counters since the object was made; monotonic. */
export interface XdpCounters {
  readonly members: readonly XdpCount[];
  readonly passed: XdpPassed;
}

/** What a device's driver can do for XDP. */
export interface XdpDevice {
  readonly name: string;
  /** Runs programs on what it receives. */
  readonly receives: boolean;
  /** Sends what programs of other devices redirect to it. A veth can where its peer has a program or GRO. */
  readonly transmits: boolean;
}

/** What the program does with a frame: it leaves by the device that it came from, or by another one, or the kernel has it. */
export type XdpVerdict = 'transmit' | 'redirect' | 'pass' | 'drop' | 'aborted';
