import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FetchStreamParser } from '../data/fetch-parser.js';
import { SessionTerminationCode } from '../errors.js';
import { fullTrackName } from '../model/names.js';
import { messageBytes, RawPeer } from '../testing/raw-peer.js';
import { track } from '../testing/sessions.js';
import { DIFFERENCES_18_TO_22, type Override } from './differences.js';
import { MOQT_18 } from './moqt-18.js';
import type { Profile, ProfileRules } from './profile.js';
import { PROFILES, PROTOCOLS, profileOf } from './profiles.js';

/** A later draft that differs from draft-18 in these rules only. */
function laterDraft(rules: Partial<ProfileRules>): Profile {
  return { ...MOQT_18, protocol: 'moqt-test', rules: { ...MOQT_18.rules, ...rules } };
}

/** The code of a file, without comments and texts. */
function codeOf(file: URL): string {
  return readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\/\/.*$/gm, '')
    .replace(/'[^'\n]*'|`[^`]*`/g, "''");
}

describe('profiles', () => {
  it('BUS-132: are found by the protocol that was negotiated, the newest first', () => {
    expect(PROTOCOLS).toEqual(PROFILES.map(({ protocol }) => protocol));
    const numbers = PROTOCOLS.map((protocol) => Number(/^moqt-(\d+)$/.exec(protocol)?.[1]));
    expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
    expect(profileOf('moqt-18')).toBe(MOQT_18);
    const later = laterDraft({});
    expect(profileOf('moqt-test', [later, MOQT_18])).toBe(later);
    expect(() => profileOf('moqt-17')).toThrow(RangeError);
  });

  it.each(['messages', 'data', 'wire', 'model', 'session'])(
    'BUS-66, BUS-132: nothing in %s asks for the number of the draft',
    (folder) => {
      const directory = new URL(`../${folder}/`, import.meta.url);
      const files = readdirSync(directory).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) {
        const code = codeOf(new URL(file, directory));
        expect([file, /\b(version|draft)\b|moqt_?\d\d|\.protocol\s*[=!]==?/i.exec(code)?.[0]]).toEqual([
          file,
          undefined,
        ]);
      }
    },
  );

  it('BUS-132: what draft-22 overrides has a place in the profile', () => {
    const isSeam = (override: Override): boolean => {
      if (override.at === 'codec') return MOQT_18.codecs.has(override.kind);
      if (override.at === 'parameter') return MOQT_18.parameters.some(({ name }) => name === override.name);
      if (override.at === 'rule') return override.rule in MOQT_18.rules;
      if (override.at === 'new parameter') return MOQT_18.parameters.every(({ code }) => code !== override.code);
      return ![...MOQT_18.codecs.keys()].some((kind) => kind === override.name);
    };
    for (const { draft, what, overrides } of DIFFERENCES_18_TO_22) {
      expect(draft).toBeGreaterThan(18);
      expect([what, overrides.length > 0 && overrides.every(isSeam)]).toEqual([what, true]);
    }
  });
});

describe('rules that differ by draft', () => {
  const NAME = track('a');
  const subscribe = (requestId: number, name = NAME) =>
    messageBytes({ kind: 'subscribe', requestId, name, parameters: {} });
  const publish = (requestId: number) =>
    messageBytes({ kind: 'publish', requestId, name: NAME, trackAlias: requestId, parameters: {} });

  it('several subscriptions of a session to one track', () => {
    const profile = laterDraft({ concurrentSubscriptions: true });
    const peer = new RawPeer({ profile });
    for (const request of [subscribe(0), subscribe(2), publish(4), publish(6)]) peer.open(true, request);
    expect(peer.notices.map(({ kind }) => kind)).toEqual(['setup', 'subscribe', 'subscribe', 'publish', 'publish']);
  });

  it('an empty Track Name', () => {
    const empty = fullTrackName(NAME.namespace, new Uint8Array(0));
    const peers = [MOQT_18, laterDraft({ emptyTrackNames: false })].map((profile) => {
      const peer = new RawPeer({ profile });
      peer.open(true, subscribe(0, empty));
      return peer.closeCode;
    });
    expect(peers).toEqual([null, SessionTerminationCode.PROTOCOL_VIOLATION]);
  });

  it('another end of a range on a fetch stream', () => {
    const bytes = Uint8Array.of(0x05, 0x00, 0x82, 0x0c, 0x01, 0x02);
    const read = (rangeEnds: ProfileRules['rangeEnds']) => {
      const parser = new FetchStreamParser(undefined, rangeEnds);
      parser.push(bytes, true);
      return [parser.next(), parser.next(), parser.rangeEnd];
    };
    const timedOut = new Map([...MOQT_18.rules.rangeEnds, [0x20c, true] as const]);
    expect(read(timedOut)).toEqual(['header', 'range-end', { end: { group: 1, object: 2 }, unknown: true }]);
    expect(() => read(MOQT_18.rules.rangeEnds)).toThrow('serialization flags are 524');
  });
});
