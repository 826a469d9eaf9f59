import { fullTrackName, trackNamespace } from '@higgins/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPath, NameError, parsePath, segmentsOf, stageOf, trackOfSegments } from './index.js';

const bytes = (text: string) => new TextEncoder().encode(text);

const segment = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 24 })
  .filter((text) => !text.startsWith('.') && !text.includes('/') && !/\p{Cc}/u.test(text) && text.isWellFormed());
const cidr = fc.constantFrom('203.0.113.0/24', '2001:db8::/32', '0.0.0.0/0', '::/0');
const stage = fc.constantFrom('current' as const, 'canary' as const);

describe('paths', () => {
  it('BUS-01: make every segment a field and the stage the Track Name', () => {
    const name = parsePath('platform/health/pop/fra1');
    expect(name.namespace.fields).toEqual(['platform', 'health', 'pop', 'fra1'].map(bytes));
    expect(name.name).toEqual(bytes('current'));
    expect(parsePath('platform/health/pop/fra1', 'canary').name).toEqual(bytes('canary'));
  });

  it('BUS-01: map to names and back without loss', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(segment, cidr), { minLength: 1, maxLength: 32 }), stage, (segments, which) => {
        const name = trackOfSegments(segments, which);
        const path = formatPath(name);
        expect(segmentsOf(name.namespace)).toEqual(segments);
        expect(path.split('/')).toHaveLength(segments.length);
        expect(parsePath(path, which).key).toBe(name.key);
        expect(stageOf(name)).toBe(which);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it('BUS-01: refuse to show a track of another kind as one of ours', () => {
    const foreign = fullTrackName(trackNamespace([bytes('a')]), bytes('video'));
    expect(stageOf(foreign)).toBeNull();
    expect(() => formatPath(foreign)).toThrow(expect.objectContaining({ code: 'TRACK_NAME' }));
  });
});

describe('segments', () => {
  it.each([
    ['', 'EMPTY', 0],
    ['org//lists/x', 'EMPTY', 1],
    ['org/acme/', 'EMPTY', 2],
    ['org/.acme/lists/x', 'LEADING_DOT', 1],
    ['org/..', 'LEADING_DOT', 1],
    ['org/ac\nme', 'CONTROL_CHARACTER', 1],
    ['org/acme%20x', 'ESCAPE', 1],
    ['org/acme%2f', 'ESCAPE', 1],
    ['org/100%', 'ESCAPE', 1],
    ['org/a%2Fb', 'NOT_A_CIDR', 1],
    ['org/203.0.113.7%2F24', 'NOT_A_CIDR', 1],
    ['org/2001:DB8::%2F32', 'NOT_A_CIDR', 1],
  ] as const)('BUS-02: %j is refused with %s, naming the segment', (path, code, index) => {
    expect(() => parsePath(path)).toThrow(expect.objectContaining({ name: 'NameError', code, index }));
    const shown = path.split('/')[index]!;
    expect(() => parsePath(path)).toThrow(shown.replaceAll('%2F', '/').slice(0, 3));
  });

  it('BUS-02: number 32 at most', () => {
    const segments = Array.from({ length: 32 }, (_, index) => `s${index}`);
    expect(trackOfSegments(segments).namespace.fields).toHaveLength(32);
    expect(() => trackOfSegments([...segments, 'x'])).toThrow(expect.objectContaining({ code: 'TOO_MANY_FIELDS' }));
  });

  it('BUS-02: take 4,096 bytes at most, the Track Name included', () => {
    const room = 4096 - 'current'.length;
    expect(trackOfSegments(['x'.repeat(room)]).namespace.fields[0]).toHaveLength(room);
    for (const text of ['x'.repeat(room + 1), 'é'.repeat(room / 2 + 1), 'x'.repeat(10_000_000)]) {
      expect(() => trackOfSegments([text])).toThrow(expect.objectContaining({ code: 'TOO_LONG' }));
      expect(() => parsePath(text)).toThrow(expect.objectContaining({ code: 'TOO_LONG' }));
    }
  });

  it('BUS-02: are UTF-8', () => {
    const name = fullTrackName(trackNamespace([Uint8Array.of(0xff)]), bytes('current'));
    expect(() => formatPath(name)).toThrow(expect.objectContaining({ code: 'NOT_TEXT', index: 0 }));
  });

  it('BUS-02: are shown shortened', () => {
    try {
      parsePath(`.${'x'.repeat(4000)}`);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(NameError);
      expect((error as NameError).message.length).toBeLessThan(200);
    }
  });

  it.each(['203.0.113.0/24', '2001:db8::/32'])('BUS-03: hold the CIDR %s verbatim, escaped in text only', (text) => {
    const name = trackOfSegments(['org', 'acme', 'ddos', text]);
    expect(name.namespace.fields[3]).toEqual(bytes(text));
    const path = `org/acme/ddos/${text.replace('/', '%2F')}`;
    expect(formatPath(name)).toBe(path);
    expect(parsePath(path).key).toBe(name.key);
  });
});
