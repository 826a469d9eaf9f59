import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodeError, SessionError, SessionTerminationCode } from '../errors.js';
import { FULL_TRACK_NAME_BYTES_MAX, NAMESPACE_FIELDS_MAX } from '../limits.js';
import { type FullTrackName, fullTrackName, trackNamespace } from '../model/names.js';
import { readFullTrackName, readNamespace, writeFullTrackName, writeNamespace } from './names.js';
import { Reader } from './reader.js';
import { utf8 } from './text.js';
import { Writer } from './writer.js';

describe('names on the wire', () => {
  it('BUS-01: each segment of a path is a namespace field, and the name is current', () => {
    const bytes = encode(name(['platform', 'health', 'pop', 'fra1'], 'current'));
    expect(toHex(bytes)).toBe('0408706c6174666f726d066865616c746803706f700466726131' + '0763757272656e74');
  });

  it.each(['203.0.113.0/24', '2001:db8::/32'])('BUS-03: a field may be the prefix %s', (prefix) => {
    const written = name(['org', '42', 'ddos', prefix], 'current');
    expect(readFullTrackName(new Reader(encode(written)))).toEqual(written);
  });

  it('BUS-02: carries every name up to the limits of the draft, and empty or dotted ones too', () => {
    const widest = name(Array<string>(NAMESPACE_FIELDS_MAX).fill('.'), '');
    const longest = name(['a'.repeat(FULL_TRACK_NAME_BYTES_MAX - 1)], 'b');
    for (const written of [widest, longest, name([], ''), name([], 'x')]) {
      expect(readFullTrackName(new Reader(encode(written)))).toEqual(written);
    }
  });

  it.each([
    ['33 fields', `21${'0161'.repeat(33)}00`],
    ['an empty field', '0200016100'],
    ['a field of 4,097 bytes', `019001${'61'.repeat(4097)}00`],
    ['a name that makes it 4,097 bytes', `018fff${'61'.repeat(4095)}026262`],
    ['a field count of 2^64 - 1', 'ffffffffffffffffff'],
    ['a field of 2^64 - 1 bytes', '01ffffffffffffffffff'],
  ])('BUS-02: %s closes the session with PROTOCOL_VIOLATION', (_what, hex) => {
    const error = caught(() => readFullTrackName(new Reader(fromHex(hex))));
    expect(error).toBeInstanceOf(SessionError);
    expect((error as SessionError).code).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
  });

  it('BUS-02: the fields of a namespace alone may not pass 4,096 bytes together', () => {
    const half = `8800${'61'.repeat(2048)}`;
    const more = `8801${'61'.repeat(2049)}`;
    expect(readNamespace(new Reader(fromHex(`02${half}${half}`))).fields.length).toBe(2);
    expect(() => readNamespace(new Reader(fromHex(`02${half}${more}`)))).toThrow(SessionError);
  });

  it('BUS-02: refuses to write what breaks the limits, naming the field', () => {
    const widest = name(Array<string>(33).fill('a'), 'b');
    expect(() => encode(widest)).toThrow(EncodeError);
    expect(() => encode(name(['a', ''], 'b'))).toThrow('track namespace field 1 is empty');
    expect(() => encode(name(['a'.repeat(4096)], 'b'))).toThrow('4097 bytes');
    expect(() => writeNamespace(new Writer(), trackNamespace([new Uint8Array(4097)]))).toThrow(EncodeError);
  });

  it('BUS-01: round-trips names of any bytes, and is a violation at every shorter length', () => {
    const fields = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: NAMESPACE_FIELDS_MAX });
    fc.assert(
      fc.property(fields, fc.uint8Array({ maxLength: 40 }), (namespace, last) => {
        const written = fullTrackName(trackNamespace(namespace), last);
        const bytes = encode(written);
        const reader = new Reader(bytes);
        expect(readFullTrackName(reader)).toEqual(written);
        expect(reader.remaining).toBe(0);
        for (let cut = 0; cut < bytes.length; cut++) {
          expect(() => readFullTrackName(new Reader(bytes, 0, cut))).toThrow(SessionError);
        }
      }),
      { seed: 18, numRuns: 100 },
    );
  });

  it('reads a namespace without a name', () => {
    const writer = new Writer();
    const namespace = trackNamespace([utf8('a'), utf8('bc')]);
    writeNamespace(writer, namespace);
    expect(readNamespace(new Reader(writer.finish()))).toEqual(namespace);
  });
});

function name(fields: readonly string[], last: string): FullTrackName {
  return fullTrackName(trackNamespace(fields.map(utf8)), utf8(last));
}

function encode(written: FullTrackName): Uint8Array {
  const writer = new Writer();
  writeFullTrackName(writer, written);
  return writer.finish();
}

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return null;
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
