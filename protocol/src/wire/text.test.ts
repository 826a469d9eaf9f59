import { describe, expect, it } from 'vitest';
import { SessionError } from '../errors.js';
import { Reader } from './reader.js';
import { exactText, readReasonPhrase, utf8, writeReasonPhrase } from './text.js';
import { Writer } from './writer.js';

describe('text on the wire', () => {
  it('cuts a reason phrase between characters', () => {
    const long = `${'a'.repeat(1023)}ü and more`;
    expect(through(long)).toBe('a'.repeat(1023));
    expect(through(`${'a'.repeat(1022)}ü and more`)).toBe(`${'a'.repeat(1022)}ü`);
    expect(through('grün')).toBe('grün');
  });

  it('refuses a reason phrase above 1,024 bytes and shows one that is not UTF-8', () => {
    const writer = new Writer();
    writer.lengthPrefixed(new Uint8Array(1025));
    expect(() => readReasonPhrase(new Reader(writer.finish()))).toThrow(SessionError);
    expect(readReasonPhrase(new Reader(Uint8Array.of(2, 0xff, 0x61)))).toBe('\ufffda');
  });

  it('keeps exact text exact', () => {
    expect(exactText(utf8('\ufeffmoqt://relay'), 'uri')).toBe('\ufeffmoqt://relay');
    expect(() => exactText(Uint8Array.of(0xc0, 0x80), 'uri')).toThrow(SessionError);
  });
});

function through(reason: string): string {
  const writer = new Writer(8);
  writeReasonPhrase(writer, reason);
  return readReasonPhrase(new Reader(writer.finish()));
}
