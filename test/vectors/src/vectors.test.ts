import { MOQT_18, StreamResetCode } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { CODECS } from './codecs.js';
import { bytesOf, dataFiles, REFUSED, VECTORS, type Vector } from './manifest.js';
import { plain } from './plain.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const title = ({ name, draft }: Pick<Vector, 'name' | 'draft'>): string => `${name} (draft-18 ${draft})`;
const streams = VECTORS.filter(({ form }) => CODECS[form].stream);

describe('golden vectors', () => {
  it('are what the manifest says, file by file', () => {
    const all = [...VECTORS, ...REFUSED];
    expect(new Set(dataFiles())).toEqual(new Set(all.map(({ name }) => name)));
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const vector of all) expect(hex(bytesOf(vector)), vector.name).toBe(vector.hex);
  });

  it('BUS-68: hold every message of the draft', () => {
    const kinds = VECTORS.filter(({ form }) => form === 'message').map(
      ({ fields }) => (fields as { kind: string }).kind,
    );
    expect(new Set(kinds)).toEqual(new Set(MOQT_18.codecs.keys()));
  });

  it('BUS-68: hold every type of subgroup header and of datagram', () => {
    const types = (form: string) =>
      new Set(
        VECTORS.filter((vector) => vector.form === form).map(({ hex: text }) => Number.parseInt(text.slice(0, 2), 16)),
      );
    const all = Array.from({ length: 0x80 }, (_, type) => type);
    expect(types('subgroup')).toEqual(new Set(all.filter((type) => (type & 0x10) !== 0 && (type & 0x06) !== 0x06)));
    const datagrams = all.filter((type) => (type & ~0x2f) === 0 && (type & 0x22) !== 0x22);
    // Besides them there is padding, whose type takes five bytes.
    expect(types('datagram')).toEqual(new Set([...datagrams, 0xf0]));
  });

  it.each(VECTORS.map((vector) => [title(vector), vector] as const))('BUS-68: %s', (_title, vector) => {
    const codec = CODECS[vector.form];
    const bytes = bytesOf(vector);
    const decoded = codec.decode([bytes], vector.place ?? '');
    expect(decoded === null ? null : plain(codec.fields(decoded))).toEqual(vector.fields);
    if (decoded !== null) expect(hex(codec.encode(decoded, vector.place ?? ''))).toBe(vector.reencodes ?? vector.hex);
  });

  it.each(streams.map((vector) => [title(vector), vector] as const))(
    'in any two pieces, and byte by byte: %s',
    (_title, vector) => {
      const codec = CODECS[vector.form];
      const bytes = bytesOf(vector);
      const read = (pieces: Iterable<Uint8Array>): unknown =>
        plain(codec.fields(codec.decode(pieces, vector.place ?? '')));
      for (let cut = 0; cut <= bytes.length; cut++) {
        expect(read(lent([bytes.subarray(0, cut), bytes.subarray(cut)])), `cut at ${cut}`).toEqual(vector.fields);
      }
      expect(read(lent(Array.from(bytes, (byte) => Uint8Array.of(byte))))).toEqual(vector.fields);
    },
  );

  it.each(streams.map((vector) => [title(vector), vector] as const))('cut short anywhere: %s', (_title, vector) => {
    const codec = CODECS[vector.form];
    const bytes = bytesOf(vector);
    const fullLength = itemCount(codec.fields(codec.decode([bytes], vector.place ?? '')));
    for (let length = 1; length < bytes.length; length++) {
      const outcome = attempt(() => codec.decode([bytes.subarray(0, length)], vector.place ?? ''));
      // Between two objects a stream may end; elsewhere its end is a violation.
      if (outcome.error === null)
        expect(itemCount(codec.fields(outcome.value)), `${length} bytes`).toBeLessThan(fullLength);
      else expect(outcome.error, `${length} bytes`).toMatchObject({ name: 'SessionError', code: 3 });
      if (vector.form === 'message') expect(outcome.error).not.toBe(null);
    }
  });

  const pieces = VECTORS.filter(({ form }) => !CODECS[form].stream);
  it.each(pieces.map((vector) => [title(vector), vector] as const))('cut short, comes whole: %s', (_title, vector) => {
    const codec = CODECS[vector.form];
    const bytes = bytesOf(vector);
    for (let length = 0; length < bytes.length; length++) {
      const { value, error } = attempt(() => codec.decode([bytes.subarray(0, length)], vector.place ?? ''));
      // Without the end of its payload a datagram is another one; padding is padding.
      const shorter =
        error === null && (value === null || (vector.form === 'datagram' && isShorter(value, vector.fields)));
      if (!shorter) expect(error, `${length} bytes`).toMatchObject({ name: 'SessionError', code: 3 });
    }
  });

  it.each(REFUSED.map((vector) => [title(vector), vector] as const))('BUS-68: refused: %s', (_title, vector) => {
    const codec = CODECS[vector.form];
    const { error } = attempt(() => codec.decode([bytesOf(vector)], vector.place ?? ''));
    const name = vector.error === StreamResetCode.MALFORMED_TRACK ? 'MalformedTrackError' : 'SessionError';
    expect(error).toMatchObject({ name, code: vector.error });
    if (codec.stream) {
      const pieces = Array.from(bytesOf(vector), (byte) => Uint8Array.of(byte));
      expect(attempt(() => codec.decode(pieces, vector.place ?? '')).error).toMatchObject({ name, code: vector.error });
    }
  });
});

function attempt(run: () => unknown): { readonly value: unknown; readonly error: unknown } {
  try {
    return { value: run(), error: null };
  } catch (error) {
    return { value: null, error };
  }
}

function isShorter(value: unknown, fields: unknown): boolean {
  const whole = (fields as { readonly payload: string }).payload.length / 2 - 1;
  return (value as { readonly payload: Uint8Array }).payload.length < whole;
}

function itemCount(fields: unknown): number {
  const { objects, items } = fields as { objects?: unknown[]; items?: unknown[] };
  return (objects ?? items)?.length ?? 1;
}

// The bytes are overwritten as soon as the decoder has had them, and are a Buffer, whose `slice` would keep them.
function* lent(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const piece of pieces) {
    const copy = Buffer.from(piece);
    yield copy;
    copy.fill(0xee);
  }
}
