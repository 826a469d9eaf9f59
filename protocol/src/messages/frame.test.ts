import { describe, expect, it } from 'vitest';
import { EncodeError, SessionError, SessionTerminationCode } from '../errors.js';
import { fullTrackName, trackNamespace } from '../model/names.js';
import { STREAM_COUNT_UNKNOWN } from '../model/requests.js';
import { MOQT_18 } from '../profiles/moqt-18.js';
import { utf8 } from '../wire/text.js';
import { CONTROL, CONTROL_FIRST, REQUEST_FIRST, type RequestKind, requestContext } from './context.js';
import { encodeMessage, MessageStreamParser } from './frame.js';
import type { Message, MessageContext } from './message.js';

const { PROTOCOL_VIOLATION, KEY_VALUE_FORMATTING_ERROR, MALFORMED_PATH, MALFORMED_AUTHORITY } = SessionTerminationCode;
const NAME = fullTrackName(trackNamespace([utf8('a')]), utf8('b'));
// Request ID 2 and the name of a SUBSCRIBE.
const HEAD = '020101610162';
const respond = (kind: RequestKind): MessageContext => requestContext(kind, 'responder', false);
const request = (kind: RequestKind): MessageContext => requestContext(kind, 'requester', false);
const answer = respond('subscribe');

// Written out by hand from the formats of draft-18 §10.
const GOLDEN: readonly (readonly [string, MessageContext, Message, string])[] = [
  [
    'SETUP',
    CONTROL_FIRST,
    { kind: 'setup', options: { path: '/r', authority: 'h', maxAuthTokenCacheSizeBytes: 256, implementation: 'x' } },
    'af00' + '000d' + '01022f72' + '038100' + '010168' + '020178',
  ],
  [
    'SUBSCRIBE',
    REQUEST_FIRST,
    {
      kind: 'subscribe',
      requestId: 2,
      name: NAME,
      parameters: {
        objectDeliveryTimeoutMs: 100,
        authorizationTokens: [{ type: 0, value: utf8('t') }],
        forward: true,
        subscriberPriority: 7,
        filter: { kind: 'largest-object' },
        groupOrder: 'descending',
      },
    },
    '03' + '0017' + '02' + '0101610162' + '06' + '0264' + '0103030074' + '0d01' + '1007' + '010102' + '0102',
  ],
  [
    'SUBSCRIBE_OK',
    answer,
    { kind: 'subscribe-ok', ok: { trackAlias: 9, largest: { group: 300, object: 1 }, expiresMs: 5 } },
    '04' + '0008' + '09' + '02' + '0805' + '01812c01',
  ],
  [
    'REQUEST_ERROR',
    answer,
    { kind: 'request-error', error: { code: 0x10, retryIntervalMs: 0, reason: 'no' } },
    '05' + '0005' + '10' + '01' + '026e6f',
  ],
  [
    'FETCH, relative joining',
    REQUEST_FIRST,
    {
      kind: 'fetch',
      requestId: 4,
      range: { kind: 'relative-joining', subscription: 2, groupsBack: 0 },
      parameters: { groupOrder: 'ascending', fillTimeoutMs: 0 },
    },
    '16' + '0009' + '04' + '02' + '02' + '00' + '02' + '0a00' + '1801',
  ],
  [
    'PUBLISH_DONE with an unknown count',
    requestContext('subscribe', 'responder', true),
    { kind: 'publish-done', done: { code: 2, streamCount: STREAM_COUNT_UNKNOWN, reason: '' } },
    '0b' + '000b' + '02' + 'ff3fffffffffffffff' + '00',
  ],
];

describe('message frames', () => {
  it.each(GOLDEN)('BUS-68: %s has the bytes of the draft', (_name, context, message, hex) => {
    expect(Buffer.from(encodeMessage(MOQT_18, message, context)).toString('hex')).toBe(hex);
    expect(decode(hex, context)).toEqual(message);
  });

  it('reads PUBLISH_OK under the code that the table gives it', () => {
    const context = requestContext('publish', 'responder', false);
    expect(decode('1e' + '0003' + '01' + '1000', context)).toEqual({ kind: 'request-ok', ok: { forward: false } });
  });

  it('keeps setup options that it does not know, repeated ones too', () => {
    const message = decode('af00' + '0005' + 'b80001' + '0002', CONTROL_FIRST);
    expect(message).toEqual({
      kind: 'setup',
      options: {
        others: [
          { type: 0x3800, value: 1 },
          { type: 0x3800, value: 2 },
        ],
      },
    });
  });

  it.each<readonly [string, string, string, MessageContext, number, string]>([
    ['unknown message type', '7f', '', REQUEST_FIRST, PROTOCOL_VIOLATION, 'message type 127 is unknown'],
    ['message type above 2^53', 'ff'.repeat(9), '', REQUEST_FIRST, PROTOCOL_VIOLATION, 'message type 1844'],
    ['SETUP of older drafts', '20', '', CONTROL_FIRST, PROTOCOL_VIOLATION, 'message type 32 is unknown'],
    ['GOAWAY before SETUP', '10', '000000', CONTROL_FIRST, PROTOCOL_VIOLATION, 'goaway is not allowed'],
    ['second SETUP', 'af00', '', CONTROL, PROTOCOL_VIOLATION, 'setup is not allowed'],
    ['response in front', '07', '00', REQUEST_FIRST, PROTOCOL_VIOLATION, 'request-ok is not allowed'],
    ['NAMESPACE before the response', '08', '00', respond('subscribe-namespace'), PROTOCOL_VIOLATION, 'not allowed'],
    ['REQUEST_UPDATE of TRACK_STATUS', '02', '0000', request('track-status'), PROTOCOL_VIOLATION, 'not allowed'],
    ['too many bytes', '05', '1000016162', answer, PROTOCOL_VIOLATION, 'request-error has 1 bytes too many'],
    ['too few bytes', '05', '10000261', answer, PROTOCOL_VIOLATION, 'runs past the end'],
    ['unknown parameter', '03', `${HEAD}0101`, REQUEST_FIRST, PROTOCOL_VIOLATION, 'parameter 1 is unknown'],
    ['misplaced parameter', '03', `${HEAD}010801`, REQUEST_FIRST, PROTOCOL_VIOLATION, 'expiresMs is not allowed'],
    ['repeated parameter', '03', `${HEAD}0202010001`, REQUEST_FIRST, PROTOCOL_VIOLATION, 'stands twice'],
    [
      'parameter type too large',
      '03',
      `${HEAD}020201${'ff'.repeat(9)}`,
      REQUEST_FIRST,
      PROTOCOL_VIOLATION,
      'above 2^64',
    ],
    ['2^64 - 1 parameters', '03', `${HEAD}${'ff'.repeat(9)}`, REQUEST_FIRST, PROTOCOL_VIOLATION, 'parameters'],
    ['FORWARD of 2', '03', `${HEAD}011002`, REQUEST_FIRST, PROTOCOL_VIOLATION, 'expected 0 or 1'],
    ['GROUP_ORDER of 0', '03', `${HEAD}012200`, REQUEST_FIRST, PROTOCOL_VIOLATION, 'group order is 0'],
    ['filter type 5', '03', `${HEAD}01210105`, REQUEST_FIRST, PROTOCOL_VIOLATION, 'filter type 5'],
    ['filter too long', '03', `${HEAD}0121020200`, REQUEST_FIRST, PROTOCOL_VIOLATION, 'filter has 1 bytes too many'],
    ['filter too short', '03', `${HEAD}01210103`, REQUEST_FIRST, PROTOCOL_VIOLATION, 'runs past the end'],
    [
      'filter end too large',
      '03',
      `${HEAD}01210c04${'ff'.repeat(9)}0001`,
      REQUEST_FIRST,
      PROTOCOL_VIOLATION,
      'end group',
    ],
    ['alias type 4', '03', `${HEAD}0103020400`, REQUEST_FIRST, KEY_VALUE_FORMATTING_ERROR, 'alias type 4'],
    ['empty token', '03', `${HEAD}010300`, REQUEST_FIRST, KEY_VALUE_FORMATTING_ERROR, 'too short'],
    ['token too long', '03', `${HEAD}0103030000ff`, REQUEST_FIRST, KEY_VALUE_FORMATTING_ERROR, '1 bytes too many'],
    ['fetch type 4', '16', '00040000', REQUEST_FIRST, PROTOCOL_VIOLATION, 'fetch type is 4'],
    ['properties in PUBLISH_OK', '07', '000401', respond('publish'), PROTOCOL_VIOLATION, 'properties are not allowed'],
    ['group order 3 of a track', '04', '09002203', answer, PROTOCOL_VIOLATION, 'group order is 3'],
    ['dynamic groups 2, immutable', '04', '09000b023002', answer, PROTOCOL_VIOLATION, 'dynamic groups is 2'],
    ['publisher priority 256', '04', '09000e8100', answer, PROTOCOL_VIOLATION, 'priority is 256'],
    ['track properties cut short', '04', '09000b0230', answer, KEY_VALUE_FORMATTING_ERROR, 'runs past the end'],
    ['end of track 2', '18', '02000000', respond('fetch'), PROTOCOL_VIOLATION, 'end of track is 2'],
    ['reason of 1,025 bytes', '05', `10008401${'61'.repeat(1025)}`, answer, PROTOCOL_VIOLATION, 'has 1025 bytes'],
    ['redirect without a name', '05', '34000000', answer, PROTOCOL_VIOLATION, 'runs past the end'],
    ['setup option cut short', 'af00', '010278', CONTROL_FIRST, KEY_VALUE_FORMATTING_ERROR, 'runs past the end'],
    ['path without a slash', 'af00', '010178', CONTROL_FIRST, MALFORMED_PATH, 'path option'],
    ['authority without a host', 'af00', '05024040', CONTROL_FIRST, MALFORMED_AUTHORITY, 'authority option'],
    ['path given twice', 'af00', '01000000', CONTROL_FIRST, PROTOCOL_VIOLATION, 'stands 2 times'],
    ['token in SETUP of alias type 9', 'af00', '030109', CONTROL_FIRST, KEY_VALUE_FORMATTING_ERROR, 'alias type 9'],
    ['session uri of 8,193 bytes', '10', `a001${'61'.repeat(8193)}0000`, CONTROL, PROTOCOL_VIOLATION, 'has 8193 bytes'],
    ['GOAWAY without Request ID', '10', '0000', CONTROL, PROTOCOL_VIOLATION, 'runs past the end'],
    ['GOAWAY of a request with one', '10', '000000', answer, PROTOCOL_VIOLATION, '1 bytes too many'],
  ])('BUS-68: %s ends the session with the code of the draft', (_name, type, payload, context, code, message) => {
    const length = (payload.length / 2).toString(16).padStart(4, '0');
    let error: unknown = null;
    try {
      decode(type + length + payload, context);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SessionError);
    expect((error as SessionError).code).toBe(code);
    expect((error as SessionError).message).toContain(message);
  });

  it('judges a message type before its length and payload are there', () => {
    const parser = new MessageStreamParser(MOQT_18);
    parser.push(Uint8Array.of(0x7f), false);
    expect(() => parser.next(REQUEST_FIRST)).toThrow('message type 127 is unknown');
  });

  it('changes the context between two messages of one piece', () => {
    const parser = new MessageStreamParser(MOQT_18);
    const bytes = Buffer.from('0400020900' + '0b0003020100', 'hex');
    parser.push(bytes, true);
    expect(parser.next(answer)?.kind).toBe('subscribe-ok');
    expect(parser.ended).toBe(false);
    expect(parser.next(requestContext('subscribe', 'responder', true))?.kind).toBe('publish-done');
    expect(parser.ended).toBe(true);
  });

  it('refuses to encode what does not belong on the stream, is too long, or names a parameter out of place', () => {
    const subscribe = { kind: 'subscribe', requestId: 0, name: NAME } as const;
    const long = { type: 0, value: new Uint8Array(65_536) };
    const cases: readonly (readonly [Message, MessageContext])[] = [
      [{ ...subscribe, parameters: {} }, CONTROL],
      [{ ...subscribe, parameters: { authorizationTokens: [long] } }, REQUEST_FIRST],
      [{ ...subscribe, parameters: { fillTimeoutMs: 1 } }, REQUEST_FIRST],
      [{ kind: 'goaway', newSessionUri: '', timeoutMs: 0, requestId: null }, CONTROL],
      [{ kind: 'request-error', error: { code: 0x34, retryIntervalMs: null, reason: '' } }, answer],
    ];
    for (const [message, context] of cases) expect(() => encodeMessage(MOQT_18, message, context)).toThrow(EncodeError);
    // A failed message leaves nothing behind in the next one.
    expect(encodeMessage(MOQT_18, { ...subscribe, parameters: {} }, REQUEST_FIRST).length).toBe(10);
  });
});

function decode(hex: string, context: MessageContext): Message | null {
  const parser = new MessageStreamParser(MOQT_18);
  parser.push(new Uint8Array(Buffer.from(hex, 'hex')), true);
  return parser.next(context);
}
