import { StorageError } from '../errors.js';

/**
 * A file of ours: a JSON header and byte strings, behind a checksum. Layout, numbers big-endian: magic (4 bytes),
 * CRC-32 of everything after it (4), length of the header (4), number of byte strings (4), their lengths (4 each), the
 * header in UTF-8, the byte strings.
 */
export interface StoredRecord {
  readonly header: unknown;
  readonly blobs: readonly Uint8Array[];
}

/** Byte strings per record: more than a group may have objects, twice. */
export const RECORD_BLOBS_MAX = 65_536;

const MAGIC = 0x48475231;
const FIXED_BYTES = 16;

/** Encodes a record; nothing of the arguments is kept. */
export function encodeRecord(record: StoredRecord): Uint8Array {
  const header = new TextEncoder().encode(JSON.stringify(record.header));
  const lengthsBytes = 4 * record.blobs.length;
  const blobsBytes = record.blobs.reduce((sum, blob) => sum + blob.length, 0);
  const bytes = new Uint8Array(FIXED_BYTES + lengthsBytes + header.length + blobsBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint32(8, header.length);
  view.setUint32(12, record.blobs.length);
  record.blobs.forEach((blob, index) => {
    view.setUint32(FIXED_BYTES + 4 * index, blob.length);
  });
  bytes.set(header, FIXED_BYTES + lengthsBytes);
  let offset = FIXED_BYTES + lengthsBytes + header.length;
  for (const blob of record.blobs) {
    bytes.set(blob, offset);
    offset += blob.length;
  }
  view.setUint32(4, crc32(bytes.subarray(8)));
  return bytes;
}

/** Decodes a record; `blobs` are views of `bytes`. Throws StorageError `corrupt` for anything that was not written by `encodeRecord`. */
export function decodeRecord(bytes: Uint8Array): StoredRecord {
  if (bytes.length < FIXED_BYTES) throw corrupt(`${bytes.length} bytes are too few for a record`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== MAGIC) throw corrupt('the file does not start like a record');
  if (view.getUint32(4) !== crc32(bytes.subarray(8))) throw corrupt('the checksum does not match');
  const headerBytes = view.getUint32(8);
  const count = view.getUint32(12);
  if (count > RECORD_BLOBS_MAX || FIXED_BYTES + 4 * count > bytes.length)
    throw corrupt(`${count} byte strings do not fit`);
  const headerStart = FIXED_BYTES + 4 * count;
  const blobs: Uint8Array[] = [];
  let offset = headerStart + headerBytes;
  for (let index = 0; index < count; index++) {
    const length = view.getUint32(FIXED_BYTES + 4 * index);
    blobs.push(bytes.subarray(offset, offset + length));
    offset += length;
  }
  if (offset !== bytes.length) throw corrupt(`the parts make ${offset} bytes, the file has ${bytes.length}`);
  return { header: parseHeader(bytes.subarray(headerStart, headerStart + headerBytes)), blobs };
}

function parseHeader(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw corrupt('the header is not JSON', cause);
  }
}

function corrupt(message: string, cause?: unknown): StorageError {
  return new StorageError('corrupt', message, cause === undefined ? undefined : { cause });
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 as in IEEE 802.3; guards against torn and rotten files, not against forgery. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let index = 0; index < bytes.length; index++) {
    crc = (CRC_TABLE[(crc ^ (bytes[index] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
