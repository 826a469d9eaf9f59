import type { PeerInfo } from '@higgins/transport';

/** Kinds of events, as `native/events.rs` numbers them. */
export const EventKind = {
  established: 1,
  failed: 2,
  opened: 3,
  data: 4,
  reset: 5,
  stopSending: 6,
  datagram: 7,
  credit: 8,
  drained: 9,
  closed: 10,
  missed: 11,
  setDrained: 12,
  ended: 13,
} as const;

const HEADER_BYTES = 32;

/** Receives one event of a batch; `bytes` is a view into the batch. */
export type EventHandler = (
  kind: number,
  connection: number,
  stream: number,
  value: number,
  flags: number,
  bytes: Uint8Array,
) => void;

/** The view that `readBatch` needs of a batch. */
export function viewOf(batch: Uint8Array): DataView {
  return new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
}

/**
 * Takes the first `end` bytes of a batch apart, in order. The layout stands in `native/events.rs`. An event whose
 * handler throws does not keep the others from theirs: the first error is thrown at the end.
 */
export function readBatch(batch: Uint8Array, view: DataView, end: number, handle: EventHandler): void {
  let [failed, failure]: [boolean, unknown] = [false, null];
  for (let at = 0; at + HEADER_BYTES <= end; ) {
    const length = view.getUint32(at + 24, true);
    const from = at + HEADER_BYTES;
    try {
      handle(
        view.getUint32(at, true),
        view.getUint32(at + 4, true),
        view.getFloat64(at + 8, true),
        view.getFloat64(at + 16, true),
        view.getUint32(at + 28, true),
        batch.subarray(from, from + length),
      );
    } catch (error) {
      if (!failed) [failed, failure] = [true, error];
    }
    at = from + ((length + 7) & ~7);
  }
  if (failed) throw failure;
}

const decoder = new TextDecoder();

/** Text of an event. */
export function text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Reads the description of a peer: fields with their length in front, 2^32 - 1 for null. */
export function readPeer(bytes: Uint8Array): PeerInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const next = (): Uint8Array | null => {
    const length = view.getUint32(at, true);
    at += 4;
    if (length === 0xffff_ffff) return null;
    at += length;
    return bytes.slice(at - length, at);
  };
  const nextText = () => text(next() ?? new Uint8Array());
  const [address, kind, protocol, authority, path] = [nextText(), nextText(), nextText(), nextText(), nextText()];
  const certificateError = next();
  return {
    address,
    kind: kind === 'webtransport' ? 'webtransport' : 'quic',
    protocol,
    authority,
    path,
    certificateError: certificateError === null ? null : text(certificateError),
    certificate: next(),
  };
}
