import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a frame carries; addresses of 4 or 16 bytes. */
export interface FrameShape {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** To whom the frame goes; default zeros, as loopback has. */
  readonly mac?: Uint8Array;
  readonly ttl?: number;
  /** IPv4 only; a multiple of 4. */
  readonly optionBytes?: number;
  /** In bytes, with the identification; the last fragment is the one without `more`. */
  readonly fragment?: { readonly identification: number; readonly offset: number; readonly more: boolean };
}

export const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17, sctp: 132, fragment: 44, icmp6: 58 } as const;
export const MAC_BYTES = 6;
const PAYLOAD_BYTES = 24;

/** A BPF file system of its own, unmounted at the end of the scope. */
export function bpfFileSystem(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'higgins-bpf-'));
  execFileSync('mount', ['-t', 'bpf', 'bpf', path]);
  return {
    path,
    [Symbol.dispose]() {
      execFileSync('umount', [path]);
      rmdirSync(path);
    },
  };
}

/** An Ethernet frame with a packet of the shape; checksums of transports are zeros, which nobody on the way looks at. */
export function frame(shape: FrameShape): Uint8Array {
  const transport = transportOf(shape);
  const ip = shape.source.length === 4 ? ipv4Of(shape, transport) : ipv6Of(shape, transport);
  return ethernet(ip, shape.mac);
}

/** An ICMP error towards the shape's source, from a router, about a packet of this shape. */
export function icmpError(quoted: FrameShape, router: Uint8Array, type: number, code = 0): Uint8Array {
  const packet = frame(quoted).subarray(14);
  const message = new Uint8Array(8 + packet.length);
  message.set([type, code]);
  message.set(packet, 8);
  const outer = {
    source: router,
    destination: quoted.source,
    protocol: 'udp',
    sourcePort: 0,
    destinationPort: 0,
  } as const;
  const ip = router.length === 4 ? ipv4Of(outer, message, PROTOCOLS.icmp) : ipv6Of(outer, message, PROTOCOLS.icmp6);
  return ethernet(ip);
}

/** The one's complement sum of a header: 0 where its checksum is right. */
export function headerSum(header: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < header.length; index += 2) sum += (header[index]! << 8) | header[index + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function ethernet(ip: Uint8Array, mac: Uint8Array = new Uint8Array(MAC_BYTES)): Uint8Array {
  const bytes = new Uint8Array(14 + ip.length);
  bytes.set(mac);
  bytes.set([0x02, 0, 0, 0, 0, 0xff], MAC_BYTES);
  bytes.set(ip[0]! >>> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd], 12);
  bytes.set(ip, 14);
  return bytes;
}

function transportOf({ sourcePort, destinationPort, fragment }: FrameShape): Uint8Array {
  const bytes = new Uint8Array(PAYLOAD_BYTES);
  if ((fragment?.offset ?? 0) > 0) return bytes.fill(0xee);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  return bytes;
}

function ipv4Of(shape: FrameShape, payload: Uint8Array, protocol: number = PROTOCOLS[shape.protocol]): Uint8Array {
  const headerBytes = 20 + (shape.optionBytes ?? 0);
  const bytes = new Uint8Array(headerBytes + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x40 | (headerBytes / 4));
  view.setUint16(2, bytes.length);
  if (shape.fragment) {
    view.setUint16(4, shape.fragment.identification);
    view.setUint16(6, (shape.fragment.more ? 0x2000 : 0) | (shape.fragment.offset / 8));
  }
  view.setUint8(8, shape.ttl ?? 64);
  view.setUint8(9, protocol);
  bytes.set(shape.source, 12);
  bytes.set(shape.destination, 16);
  bytes.fill(1, 20, headerBytes); // options without effect
  view.setUint16(10, headerSum(bytes.subarray(0, headerBytes)));
  bytes.set(payload, headerBytes);
  return bytes;
}

function ipv6Of(shape: FrameShape, payload: Uint8Array, protocol: number = PROTOCOLS[shape.protocol]): Uint8Array {
  const extensionBytes = shape.fragment ? 8 : 0;
  const bytes = new Uint8Array(40 + extensionBytes + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, extensionBytes + payload.length);
  view.setUint8(6, shape.fragment ? PROTOCOLS.fragment : protocol);
  view.setUint8(7, shape.ttl ?? 64);
  bytes.set(shape.source, 8);
  bytes.set(shape.destination, 24);
  if (shape.fragment) {
    view.setUint8(40, protocol);
    view.setUint16(42, shape.fragment.offset | (shape.fragment.more ? 1 : 0));
    view.setUint32(44, shape.fragment.identification);
  }
  bytes.set(payload, 40 + extensionBytes);
  return bytes;
}
