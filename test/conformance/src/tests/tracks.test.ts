import { describe, expect, it } from 'vitest';
import {
  encodeObjectDatagram,
  encodeProperties,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  RequestErrorCode,
  SessionTerminationCode,
  StreamResetCode,
  utf8,
} from '../../../../protocol/src/index.js';
import {
  answersOn,
  bytes,
  clientPeer,
  doneTo,
  FIRST_REQUEST,
  joinBytes,
  messageBytes,
  RawPeer,
  response,
  trackOf,
} from './support.js';

const NAME = trackOf(['a']);
const MANDATORY = encodeProperties([{ type: 0x4000, value: 1 }]);
const { MALFORMED_TRACK, UNSUPPORTED_EXTENSION } = RequestErrorCode;

/** A subgroup stream of the track with alias 1 whose only object has these properties. */
function objectWith(properties: Uint8Array): Uint8Array {
  const head = { trackAlias: 1, group: 5, subgroup: 0, priority: 1, endOfGroup: false, firstObject: true };
  const payload = utf8('x');
  return joinBytes([
    encodeSubgroupHeader({ ...head, hasProperties: true }),
    encodeSubgroupObject({ delta: 5, properties, hasProperties: true, status: 'normal', payload }),
  ]);
}

/** A client that is subscribed to `NAME` and has a FETCH of it under way. */
function subscriber() {
  const peer = clientPeer((session) => {
    session.subscribe(NAME, {});
    session.fetch({ kind: 'standalone', name: NAME, start: { group: 0, object: 0 }, end: { group: 9, object: 0 } }, {});
    session.fetch({ kind: 'relative-joining', subscription: 0, groupsBack: 0 }, {});
  });
  peer.write(FIRST_REQUEST, response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1 } }));
  return peer;
}

describe('malformed tracks', () => {
  const contradiction = encodeProperties([{ type: 0x3e, value: 6 }]);

  it('N026: their subscription and fetches are cancelled, and the application hears of it', () => {
    const peer = subscriber();
    peer.open(false, objectWith(contradiction));
    expect(peer.closeCode).toBe(null);
    const code = StreamResetCode.MALFORMED_TRACK;
    for (const stream of [-2, -3, -4]) expect(doneTo(peer, stream)).toContain(`stop-sending ${code}`);
    expect(peer.notices.find(({ kind }) => kind === 'request-error')).toMatchObject({
      request: 0,
      error: { code: MALFORMED_TRACK },
    });
    expect(peer.notices.filter(({ kind }) => kind === 'fetch-reset')).toMatchObject([{ code }, { code }]);
    expect(peer.session.usage.requests).toBe(0);
  });

  it('N026: what else has waited for their alias is refused', () => {
    const peer = clientPeer((session) => session.subscribe(NAME, {}));
    const sent = objectWith(contradiction);
    const streams = [1, 2].map(() => {
      const stream = peer.open(false, sent);
      peer.write(stream, sent.subarray(1, 2));
      return stream;
    });
    peer.write(FIRST_REQUEST, response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1 } }));
    expect(peer.closeCode).toBe(null);
    for (const stream of streams) expect(doneTo(peer, stream)).toContain(`stop-sending ${StreamResetCode.CANCELLED}`);
    expect(peer.notices.filter(({ kind }) => kind === 'request-error')).toHaveLength(1);
  });

  it('N034: a Mandatory Track Property on an object makes the track malformed', () => {
    const peer = subscriber();
    peer.open(false, objectWith(MANDATORY));
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'fetch-reset', code: MALFORMED_TRACK });
    const datagrams = subscriber();
    const object = { trackAlias: 1, group: 1, object: 1, priority: 1, endOfGroup: false, status: 'normal' } as const;
    datagrams.datagram(encodeObjectDatagram({ ...object, properties: MANDATORY, payload: utf8('x') }));
    expect(datagrams.session.usage.requests).toBe(0);
  });
});

describe('Mandatory Track Properties that are not understood', () => {
  const subscribeOk = { kind: 'subscribe-ok', ok: { trackAlias: 1, trackProperties: MANDATORY } } as const;

  it('N035: keep a track from being processed, unless the application understands them', () => {
    const ignorant = clientPeer((session) => session.subscribe(NAME, {}));
    ignorant.write(FIRST_REQUEST, response('subscribe', subscribeOk));
    ignorant.open(false, objectWith(bytes('')));
    expect(ignorant.notices.map(({ kind }) => kind)).toEqual(['setup', 'request-error']);
    const understood = new Set([0x4000]);
    const expert = clientPeer((session) => session.subscribe(NAME, {}), { mandatoryTrackProperties: understood });
    expert.write(FIRST_REQUEST, response('subscribe', subscribeOk));
    expert.open(false, objectWith(bytes('')));
    expect(expert.notices.map(({ kind }) => kind)).toEqual(['setup', 'subscribe-ok', 'subgroup', 'object']);
  });

  it('N036: a PUBLISH with one is answered UNSUPPORTED_EXTENSION', () => {
    const peer = new RawPeer();
    const publish = { kind: 'publish', requestId: 0, name: NAME, trackAlias: 1, parameters: {} } as const;
    const stream = peer.open(true, messageBytes({ ...publish, trackProperties: MANDATORY }));
    expect(answersOn(peer, stream, 'publish')).toMatchObject([{ error: { code: UNSUPPORTED_EXTENSION } }]);
    expect(peer.notices.map(({ kind }) => kind)).toEqual(['setup']);
  });

  it('N037: a SUBSCRIBE_OK with one cancels the subscription', () => {
    const peer = clientPeer((session) => session.subscribe(NAME, {}));
    peer.write(FIRST_REQUEST, response('subscribe', subscribeOk));
    const { CANCELLED } = StreamResetCode;
    expect(doneTo(peer, FIRST_REQUEST)).toEqual(['open', 'write', `reset ${CANCELLED}`, `stop-sending ${CANCELLED}`]);
  });

  it('N039: a FETCH_OK with one cancels the fetch', () => {
    const range = {
      kind: 'standalone',
      name: NAME,
      start: { group: 0, object: 0 },
      end: { group: 9, object: 0 },
    } as const;
    const peer = clientPeer((session) => session.fetch(range, {}));
    const ok = { endOfTrack: false, end: { group: 3, object: 0 }, trackProperties: MANDATORY };
    peer.write(FIRST_REQUEST, response('fetch', { kind: 'fetch-ok', ok }));
    const { CANCELLED } = StreamResetCode;
    expect(doneTo(peer, FIRST_REQUEST)).toEqual(['open', 'write', `reset ${CANCELLED}`, `stop-sending ${CANCELLED}`]);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'request-error', error: { code: UNSUPPORTED_EXTENSION } });
  });
});

describe('object properties', () => {
  const malformedBy = (properties: Uint8Array) => {
    const peer = subscriber();
    peer.open(false, objectWith(properties));
    return peer.closeCode === null && peer.session.usage.requests === 0;
  };

  it('N311: a group order of a track that is neither 1 nor 2 closes the session', () => {
    for (const value of [0, 3]) {
      const peer = clientPeer((session) => session.subscribe(NAME, {}));
      const trackProperties = encodeProperties([{ type: 0x22, value }]);
      peer.write(
        FIRST_REQUEST,
        response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1, trackProperties } }),
      );
      expect(peer.closeCode).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
    }
  });

  it('N312: DYNAMIC_GROUPS above 1 closes the session', () => {
    const peer = clientPeer((session) => session.subscribe(NAME, {}));
    const trackProperties = encodeProperties([{ type: 0x30, value: 2 }]);
    peer.write(FIRST_REQUEST, response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1, trackProperties } }));
    expect(peer.closeCode).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
  });

  it('N317: immutable properties twice make a track malformed', () => {
    expect(malformedBy(bytes('0b00' + '0000'))).toBe(true);
    expect(malformedBy(bytes('0b00'))).toBe(false);
  });

  it('N320: two gaps of groups make a track malformed', () => expect(malformedBy(bytes('3c01' + '0001'))).toBe(true));

  it('N323: two gaps of objects make a track malformed', () => expect(malformedBy(bytes('3e01' + '0001'))).toBe(true));
});
