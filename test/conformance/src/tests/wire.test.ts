import { describe, expect, it } from 'vitest';
import {
  EncodeError,
  encodeProperties,
  formatTrackName,
  parseTrackName,
  SessionTerminationCode,
  trackNamespace,
  utf8,
} from '../../../../protocol/src/index.js';
import { closeCodeFor, closeCodeForAnswer, frame, messageBytes, RawPeer, trackOf } from './support.js';

const { PROTOCOL_VIOLATION, KEY_VALUE_FORMATTING_ERROR } = SessionTerminationCode;
const MAX = 'ff'.repeat(9);

/** The code that a session closes with when the peer's SETUP has this payload. */
function setupCloses(payload: string): number | null {
  const peer = new RawPeer({}, false);
  peer.open(false, frame('af00', payload));
  return peer.closeCode;
}

describe('Key-Value-Pairs', () => {
  it('N001: types above 2^64 - 1 are not written', () => {
    const first = { type: 5, value: utf8('x') };
    expect(() => encodeProperties([first, { type: 2n ** 64n + 3n, value: utf8('x') }])).toThrow(EncodeError);
    expect(encodeProperties([first, { type: 2n ** 64n - 1n, value: utf8('x') }])).toHaveLength(3 + 9 + 2);
  });

  it('N002: a type above 2^64 - 1 closes the session', () => {
    expect(setupCloses(`0700${MAX}00`)).toBe(PROTOCOL_VIOLATION);
    expect(setupCloses('0700' + 'fffffffffffffffff800')).toBe(null);
  });

  it('N003: a length above 65,535 closes the session', () => {
    expect(setupCloses('0bc10000')).toBe(PROTOCOL_VIOLATION);
  });

  it('N004: a value that runs past the end closes the session', () => {
    expect(setupCloses('0b026d')).toBe(KEY_VALUE_FORMATTING_ERROR);
    expect(setupCloses('0480')).toBe(KEY_VALUE_FORMATTING_ERROR);
  });
});

it('N005: a Reason Phrase above 1,024 bytes closes the session', () => {
  expect(closeCodeForAnswer(frame('05', `10008400${'61'.repeat(1024)}`))).toBe(null);
  expect(closeCodeForAnswer(frame('05', `10008401${'61'.repeat(1025)}`))).toBe(PROTOCOL_VIOLATION);
});

describe('names as text', () => {
  const refused = (...texts: string[]) => expect(texts.map(parseTrackName)).toEqual(texts.map(() => null));

  it('N006: have the form that the draft recommends', () => {
    const name = trackOf(['example.net', 'team2', 'project_x'], 'report');
    expect(formatTrackName(name)).toBe('example.2enet-team2-project_x--report');
  });

  it('N007: what is read is written alike', () => {
    for (const text of ['a--b', 'example.2enet-team2--report', '.00.ff-_--', '--x', 'a.2db--.2f']) {
      const name = parseTrackName(text);
      expect(name === null ? null : formatTrackName(name)).toBe(text);
    }
  });

  it('N008: hex digits are lowercase', () => {
    expect(parseTrackName('a.2e--b')).not.toBe(null);
    refused('a.2E--b');
  });

  it('N009: hex digits in capitals are refused', () => refused('.AA--b', 'a--.fF'));

  it('N010: what may stand for itself is written so', () => {
    expect(formatTrackName(trackOf(['azAZ09_'], '-'))).toBe('azAZ09_--.2d');
  });

  it('N011: what may stand for itself is refused as hex', () => refused('.61--b', 'a--.5f', '.30--', 'a--.5A'));

  it('N012: a period has two hex digits behind it', () => refused('a.--b', 'a--b.2', 'a.2g--b', 'a--.'));

  it('N013: anything else is refused', () => refused('', 'a', 'a-b', 'a b--c', 'ü--b', 'a--b-c', '-a--b'));
});

describe('track names', () => {
  it('N022: an empty namespace field is not sent', () => {
    const { session } = new RawPeer();
    expect(() => session.publishNamespace(trackNamespace([utf8('a'), utf8('')]))).toThrow(EncodeError);
  });

  it('N023: an empty namespace field closes the session', () => {
    expect(closeCodeFor(true, frame('06', '00' + '020161' + '00' + '00'))).toBe(PROTOCOL_VIOLATION);
  });

  it('N024: 33 namespace fields close the session', () => {
    expect(closeCodeFor(true, frame('06', `0020${'0161'.repeat(32)}00`))).toBe(null);
    expect(closeCodeFor(true, frame('06', `0021${'0161'.repeat(33)}00`))).toBe(PROTOCOL_VIOLATION);
  });

  it('N025: 4,097 bytes of a Full Track Name close the session', () => {
    const subscribe = (length: number) => {
      const head = messageBytes({
        kind: 'subscribe',
        requestId: 0,
        name: trackOf(['a'.repeat(4000)], 'b'),
        parameters: {},
      });
      // The Track Name's length is written by hand: the encoder refuses what is too long.
      const payload = `${Buffer.from(head.subarray(3, -3)).toString('hex')}${length.toString(16)}${'62'.repeat(length)}00`;
      return closeCodeFor(true, frame('03', payload));
    };
    expect(subscribe(96)).toBe(null);
    expect(subscribe(97)).toBe(PROTOCOL_VIOLATION);
    const long = `0001${'9001'}${'61'.repeat(4097)}00`;
    expect(closeCodeFor(true, frame('06', long))).toBe(PROTOCOL_VIOLATION);
  });
});
