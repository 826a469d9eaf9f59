import { describe, expect, it } from 'vitest';
import { subscribe } from '../messages/subscribe.js';
import { trackStatus } from '../messages/track-status.js';
import { MOQT_18 } from './moqt-18.js';
import { defineProfile } from './profile.js';

const RULES = MOQT_18.rules;

describe('profile moqt-18', () => {
  it('has every message of the table in draft-18 §10', () => {
    const table = [...MOQT_18.codecsByCode]
      .map(([code, codec]) => [code, codec.kind])
      .sort((a, b) => Number(a[0]) - Number(b[0]));
    expect(table).toEqual([
      [0x02, 'request-update'],
      [0x03, 'subscribe'],
      [0x04, 'subscribe-ok'],
      [0x05, 'request-error'],
      [0x06, 'publish-namespace'],
      [0x07, 'request-ok'],
      [0x08, 'namespace'],
      [0x0b, 'publish-done'],
      [0x0d, 'track-status'],
      [0x0e, 'namespace-done'],
      [0x0f, 'publish-blocked'],
      [0x10, 'goaway'],
      [0x16, 'fetch'],
      [0x18, 'fetch-ok'],
      [0x1d, 'publish'],
      [0x1e, 'request-ok'],
      [0x50, 'subscribe-namespace'],
      [0x51, 'subscribe-tracks'],
      [0x2f00, 'setup'],
    ]);
  });

  it('has every parameter of the table in draft-18 §15.7, of which tokens alone may be repeated', () => {
    const codes = [0x02, 0x03, 0x04, 0x06, 0x08, 0x09, 0x0a, 0x10, 0x20, 0x21, 0x22, 0x32, 0x34];
    expect(MOQT_18.parameters.map(({ code }) => code)).toEqual(codes);
    expect(MOQT_18.parameters.filter(({ repeatable }) => repeatable).map(({ name }) => name)).toEqual([
      'authorizationTokens',
    ]);
  });

  it('takes other codecs and rows for another draft without a change to any of them', () => {
    const moved = { ...subscribe, code: 0x63 };
    const other = defineProfile('moqt-test', [moved], [], RULES);
    expect(other.codecsByCode.get(0x63)?.kind).toBe('subscribe');
    expect(() => defineProfile('moqt-test', [subscribe, moved], [], RULES)).toThrow('two codecs for subscribe');
    expect(() => defineProfile('moqt-test', [subscribe, { ...trackStatus, code: 3 }], [], RULES)).toThrow(
      'message type 3',
    );
  });
});
