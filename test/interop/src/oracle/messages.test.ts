import { drawMessage, Random } from '@higgins/fuzz';
import { encodeMessage, type Message, MOQT_18 } from '@higgins/protocol';
import { CODECS, PLACES, placeOf, plain, VECTORS } from '@higgins/vectors';
import { createControlCodec } from '@moqt/transport';
import { describe, expect, it } from 'vitest';
import { toTheirMessage } from './messages.js';

const theirs = createControlCodec(18);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const vectors = VECTORS.filter(({ form }) => form === 'message').map((vector) => [vector.name, vector] as const);

function decodeOurs(bytes: Uint8Array, place: string): Message {
  return CODECS.message.decode([bytes], place) as Message;
}

describe('control messages against @moqt/transport at draft-18', () => {
  it.each(vectors)('BUS-68: both read %s alike', (_name, { hex: text, place = '' }) => {
    const bytes = bytesOf(text);
    if (PUBLISH_OK_CODE.test(text)) {
      // The table of draft-18 §10 has 0x1E for PUBLISH_OK, §10.5 writes it as REQUEST_OK; they know only the latter.
      expect(() => theirs.decode(bytes, 0)).toThrow();
      return;
    }
    const { message, bytesRead } = theirs.decode(bytes, 0);
    expect(bytesRead).toBe(bytes.length);
    expect(message).toEqual(toTheirMessage(decodeOurs(bytes, place)));
  });

  it.each(vectors)('BUS-68: both write %s alike', (_name, { hex: text, reencodes, place = '' }) => {
    const ours = decodeOurs(bytesOf(text), place);
    expect(hex(theirs.encode(toTheirMessage(ours)))).toBe(reencodes ?? text);
  });

  const places = [...PLACES].flatMap(([place, { allowed }]) => [...allowed].map((kind) => [kind, place] as const));
  it.each(places)('BUS-68: %s as %s, drawn, in both directions', (kind, place) => {
    const context = placeOf(place);
    for (let index = 0; index < 60; index++) {
      const ours = drawMessage(new Random(18, index), kind, context);
      const bytes = encodeMessage(MOQT_18, ours, context);
      const translated = toTheirMessage(ours);
      expect(theirs.decode(bytes, 0).message, `input ${index}`).toEqual(translated);
      expect(hex(theirs.encode(translated)), `input ${index}`).toBe(hex(bytes));
      expect(plain(decodeOurs(theirs.encode(translated), place)), `input ${index}`).toEqual(plain(ours));
    }
  });
});

const PUBLISH_OK_CODE = /^1e/;
