import { BalancingError } from './errors.js';

/** IPv4 or IPv6. */
export type Family = 4 | 6;

/** What the kernel can take from a packet as part of a key. */
export type KeyField = 'source-address' | 'destination-address' | 'protocol' | 'source-port' | 'destination-port';

/** What a selector hashes: fields of the packet, in this order. */
export interface FlowKey {
  readonly fields: readonly KeyField[];
  /** Leading bits of the source address that count, 1 to 32 and 1 to 128; default: all. */
  readonly sourcePrefixLength?: { readonly ipv4: number; readonly ipv6: number };
}

/** Both addresses, both ports and the protocol: every flow on its own. */
export const FIVE_TUPLE_KEY: FlowKey = {
  fields: ['source-address', 'destination-address', 'protocol', 'source-port', 'destination-port'],
};

/** The source address: all flows of a client together. */
export const SOURCE_KEY: FlowKey = { fields: ['source-address'] };

/** IANA protocol numbers of the transports whose ports lie in the first four bytes. */
export const PROTOCOL_NUMBERS = { tcp: 6, udp: 17, sctp: 132 } as const;

/** A flow as its first packet shows it, before any translation. */
export interface Flow {
  readonly protocol: keyof typeof PROTOCOL_NUMBERS;
  /** 4 or 16 bytes, network order, as the destination has them. */
  readonly sourceAddress: Uint8Array;
  readonly destinationAddress: Uint8Array;
  /** 0 to 65,535. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

const FIELDS: Readonly<Record<KeyField, { bytes: (family: Family) => number; nft: (family: Family) => string }>> = {
  'source-address': { bytes: addressBytes, nft: (family) => `${header(family)} saddr` },
  'destination-address': { bytes: addressBytes, nft: (family) => `${header(family)} daddr` },
  protocol: { bytes: () => 1, nft: () => 'meta l4proto' },
  'source-port': { bytes: () => 2, nft: () => 'th sport' },
  'destination-port': { bytes: () => 2, nft: () => 'th dport' },
};

/** All fields of the largest key: two IPv6 addresses, protocol and two ports, each padded to four bytes. */
export const KEY_BYTES_MAX = 44;

/**
 * The key as an nft expression, to be written behind `jhash`: `ip saddr . th sport`.
 *
 * @throws BalancingError `KEY`, as `checkKey`.
 */
export function keyExpression(key: FlowKey, family: Family): string {
  checkKey(key);
  return key.fields
    .map((field) => {
      const bits = prefixLength(key, family);
      const masked = field === 'source-address' && bits < addressBytes(family) * 8;
      return FIELDS[field].nft(family) + (masked ? ` & ${maskText(bits, family)}` : '');
    })
    .join(' . ');
}

/**
 * Writes the bytes that the kernel hashes for this flow into `target` and returns how many: each field in network order
 * and padded with zeros to four bytes. A key of one field is not padded. `target` needs 44 bytes at most.
 *
 * @throws BalancingError `ADDRESS` or `PORT` if the flow is none.
 */
export function writeKey(key: FlowKey, flow: Flow, target: Uint8Array): number {
  const family = familyOf(flow);
  let offset = 0;
  for (const field of key.fields) {
    const bytes = FIELDS[field].bytes(family);
    target.fill(0, offset, offset + padded(bytes));
    writeField(field, flow, target, offset);
    if (field === 'source-address') mask(target, offset, bytes, prefixLength(key, family));
    offset += key.fields.length === 1 ? bytes : padded(bytes);
  }
  return offset;
}

/**
 * The family of both addresses.
 *
 * @throws BalancingError `ADDRESS` if they differ in length or have neither 4 nor 16 bytes.
 */
export function familyOf({ sourceAddress, destinationAddress }: Flow): Family {
  const { length } = sourceAddress;
  if (length !== destinationAddress.length || (length !== 4 && length !== 16)) {
    const lengths = `${length} and ${destinationAddress.length} bytes`;
    throw new BalancingError('ADDRESS', 'addresses', lengths, 'both of 4 or both of 16 bytes');
  }
  return length === 4 ? 4 : 6;
}

/** @throws BalancingError `KEY` for no field, a repeated field or a prefix length out of range. */
export function checkKey({ fields, sourcePrefixLength }: FlowKey): void {
  if (fields.length === 0 || new Set(fields).size < fields.length) {
    throw new BalancingError('KEY', 'key', fields.join(' . '), 'at least one field, each once');
  }
  if (sourcePrefixLength === undefined) return;
  checkLength('ipv4', sourcePrefixLength.ipv4, 32);
  checkLength('ipv6', sourcePrefixLength.ipv6, 128);
}

function checkLength(family: string, length: number, max: number): void {
  if (Number.isInteger(length) && length >= 1 && length <= max) return;
  throw new BalancingError('KEY', `sourcePrefixLength.${family}`, length, `a whole number from 1 to ${max}`);
}

function writeField(field: KeyField, flow: Flow, target: Uint8Array, offset: number): void {
  if (field === 'source-address') target.set(flow.sourceAddress, offset);
  else if (field === 'destination-address') target.set(flow.destinationAddress, offset);
  else if (field === 'protocol') target[offset] = PROTOCOL_NUMBERS[flow.protocol];
  else if (field === 'source-port') writePort(field, flow.sourcePort, target, offset);
  else writePort(field, flow.destinationPort, target, offset);
}

function writePort(field: KeyField, port: number, target: Uint8Array, offset: number): void {
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new BalancingError('PORT', field, port, 'a whole number from 0 to 65535');
  }
  target[offset] = port >>> 8;
  target[offset + 1] = port & 0xff;
}

function mask(target: Uint8Array, offset: number, bytes: number, bits: number): void {
  for (let index = bits >>> 3; index < bytes; index++) {
    const left = bits - index * 8;
    target[offset + index]! &= left <= 0 ? 0 : 0xff << (8 - left);
  }
}

function prefixLength({ sourcePrefixLength }: FlowKey, family: Family): number {
  if (sourcePrefixLength === undefined) return addressBytes(family) * 8;
  return family === 4 ? sourcePrefixLength.ipv4 : sourcePrefixLength.ipv6;
}

function maskText(bits: number, family: Family): string {
  const bytes = new Uint8Array(addressBytes(family)).fill(0xff);
  mask(bytes, 0, bytes.length, bits);
  if (family === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[2 * index]! << 8) | bytes[2 * index + 1]!);
  return groups.map((group) => group.toString(16)).join(':');
}

function addressBytes(family: Family): 4 | 16 {
  return family === 4 ? 4 : 16;
}

function header(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6';
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}
