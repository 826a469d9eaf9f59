import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTrackName, parseTrackName } from './name-text.js';
import { fullTrackName, trackNamespace } from './names.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('text form of names', () => {
  it('BUS-03: writes the example of the draft, and a prefix', () => {
    const example = fullTrackName(trackNamespace(['example.net', 'team2', 'project_x'].map(utf8)), utf8('report'));
    expect(formatTrackName(example)).toBe('example.2enet-team2-project_x--report');
    const prefix = fullTrackName(trackNamespace(['ddos', '2001:db8::/32'].map(utf8)), utf8('current'));
    expect(formatTrackName(prefix)).toBe('ddos-2001.3adb8.3a.3a.2f32--current');
  });

  it('BUS-01: every name has one text form, and every text form one name', () => {
    const fields = fc.array(fc.uint8Array({ minLength: 1, maxLength: 6 }), { maxLength: 4 });
    fc.assert(
      fc.property(fields, fc.uint8Array({ maxLength: 6 }), (namespace, last) => {
        const name = fullTrackName(trackNamespace(namespace), last);
        expect(parseTrackName(formatTrackName(name))).toEqual(name);
      }),
      { seed: 18, numRuns: 500 },
    );
    const texts = fc.string({
      unit: fc.constantFrom('-', '--', 'a', '.', '2', 'e', '.2e', '.61', '.2E'),
      maxLength: 8,
    });
    fc.assert(
      fc.property(texts, (text) => {
        const name = parseTrackName(text);
        if (name !== null) expect(formatTrackName(name)).toBe(text);
      }),
      { seed: 18, numRuns: 2000 },
    );
  });

  it.each(['', 'a', 'a-b', '.61--b', 'a--.2E', 'a--b.', 'a--b.2', '-a--b', 'a--b-c', 'a b--c', 'ü--b'])(
    'refuses %j',
    (text) => {
      expect(parseTrackName(text)).toBeNull();
    },
  );
});
