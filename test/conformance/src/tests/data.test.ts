import { describe, expect, it } from 'vitest';
import {
  EncodeError,
  encodeFetchHeader,
  encodeObjectDatagram,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  FetchObjectEncoder,
  type MoqtSession,
  type ReceivedObject,
  SessionTerminationCode,
  StreamResetCode,
} from '../../../../protocol/src/index.js';
import {
  bytes,
  clientPeer,
  doneTo,
  establishedPair,
  FIRST_REQUEST,
  groupHead,
  joinBytes,
  messageBytes,
  nextObject,
  RawPeer,
  response,
  trackOf,
} from './support.js';

const NAME = trackOf(['a']);
const { PROTOCOL_VIOLATION, DUPLICATE_TRACK_ALIAS } = SessionTerminationCode;
const { CANCELLED } = StreamResetCode;
const MAX = 'ff'.repeat(9);

/** A client that is subscribed to the track with alias 1. */
function subscriber() {
  const peer = clientPeer((session) => session.subscribe(NAME, {}));
  peer.write(FIRST_REQUEST, response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1 } }));
  return peer;
}

/** The code that the session of a subscriber closes with when a data stream has these bytes. */
function streamCloses(hex: string, fin = false): number | null {
  const peer = subscriber();
  peer.open(false, bytes(hex), fin);
  return peer.closeCode;
}

/** The same for a datagram. */
function datagramCloses(hex: string): number | null {
  const peer = subscriber();
  peer.datagram(bytes(hex));
  return peer.closeCode;
}

/** The code that the session closes with when the data of its FETCH, Request ID 0, continues with these bytes. */
function fetchCloses(hex: string, groupOrder: 'ascending' | 'descending' = 'ascending'): number | null {
  const range = {
    kind: 'standalone',
    name: NAME,
    start: { group: 0, object: 0 },
    end: { group: 9, object: 0 },
  } as const;
  const peer = clientPeer((session) => session.fetch(range, { groupOrder }));
  peer.open(false, bytes(`0500${hex}`));
  return peer.closeCode;
}

describe('Track Alias', () => {
  it('N269: is never given to two tracks of a session', () => {
    const { session } = new RawPeer();
    const given = [7, 7, 8, 7, 2 ** 40, 2 ** 40 + 1].map((preferred) => session.trackAlias(preferred));
    expect(new Set(given).size).toBe(given.length);
    expect(given[0]).toBe(7);
  });

  it('N270: that stands for another established track closes the session', () => {
    const taken = (start: (session: MoqtSession) => void, answer: (peer: RawPeer) => void) => {
      const peer = clientPeer((session) => {
        session.subscribe(NAME, {});
        start(session);
      });
      peer.write(FIRST_REQUEST, response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1 } }));
      answer(peer);
      return peer.closeCode;
    };
    const other = trackOf(['b']);
    const ok = response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1 } });
    const publish = messageBytes({ kind: 'publish', requestId: 1, name: other, trackAlias: 1, parameters: {} });
    expect(
      taken(
        (session) => session.subscribe(other, {}),
        (peer) => peer.write(-3, ok),
      ),
    ).toBe(DUPLICATE_TRACK_ALIAS);
    expect(
      taken(
        () => undefined,
        (peer) => peer.open(true, publish),
      ),
    ).toBe(DUPLICATE_TRACK_ALIAS);
  });

  it('N271: of a subscription that was cancelled is remembered, to discard what still comes', () => {
    const peer = subscriber();
    peer.session.cancel(0);
    peer.collect();
    const late = peer.open(false, joinBytes([groupHead(1, 1), nextObject('late')]));
    expect(doneTo(peer, late)).toEqual([`stop-sending ${CANCELLED}`]);
    expect(peer.session.usage).toMatchObject({ heldBytes: 0, waitingStreams: 0 });
  });
});

describe('objects', () => {
  const object: ReceivedObject = {
    ...{ group: 1, subgroup: 0, object: 0, status: 'normal', priority: 1, properties: bytes(''), payload: bytes('61') },
  };

  it('N016: streams and datagrams keep what they carry apart', () => {
    const header = { trackAlias: 1, group: 1, priority: 1, endOfGroup: false, firstObject: true, hasProperties: false };
    const peer = subscriber();
    for (const subgroup of [0, 3]) {
      peer.open(false, joinBytes([encodeSubgroupHeader({ ...header, subgroup }), nextObject('x'), nextObject('y')]));
    }
    const objects = peer.notices.flatMap((notice) => (notice.kind === 'object' ? [notice] : []));
    expect(new Set(objects.map(({ stream, object: { subgroup } }) => `${stream} ${subgroup}`)).size).toBe(2);
    expect(objects.map(({ object: { object: id, subgroup } }) => [subgroup, id])).toEqual([
      [0, 0],
      [0, 1],
      [3, 0],
      [3, 1],
    ]);
  });

  it('N272: keep the way in which they were published', () => {
    const sent = { group: 1, object: 2, priority: 1, endOfGroup: false, status: 'normal' } as const;
    const pair = establishedPair();
    const request = pair.client.session.subscribe(NAME, {});
    pair.run();
    pair.server.session.acceptSubscribe(request, { trackAlias: 1 });
    pair.server.session.sendDatagram(request, { ...sent, properties: bytes(''), payload: bytes('61') });
    const stream = pair.server.session.openSubgroup(request, groupHead(1, 4), 1);
    pair.server.session.writeData(stream, nextObject('x'), true);
    pair.run();
    expect(pair.client.one('datagram').object).toMatchObject({ group: 1, object: 2, subgroup: null });
    expect(pair.client.one('object').object).toMatchObject({ group: 4, object: 0, subgroup: 0 });
  });

  it('N275: an unknown status closes the session', () => {
    const codes = ['00', '01', '02', '03', '04', '05'].map((status) => streamCloses(`300101${'0000'}${status}`));
    expect(codes).toEqual([null, PROTOCOL_VIOLATION, PROTOCOL_VIOLATION, null, null, PROTOCOL_VIOLATION]);
    expect(datagramCloses('2c010101')).toBe(PROTOCOL_VIOLATION);
    expect(datagramCloses('2c010103')).toBe(null);
  });

  it('N276: one that is not Normal has no payload', () => {
    const status = 'end-of-group' as const;
    const withPayload = { delta: 0, properties: bytes(''), hasProperties: false, status, payload: bytes('61') };
    expect(() => encodeSubgroupObject(withPayload)).toThrow(EncodeError);
    const datagram = { trackAlias: 1, group: 1, object: 1, priority: 1, endOfGroup: false, status };
    expect(() => encodeObjectDatagram({ ...datagram, properties: bytes(''), payload: bytes('61') })).toThrow(
      EncodeError,
    );
    expect(datagramCloses('2c01010361')).toBe(PROTOCOL_VIOLATION);
  });

  it('N277: properties on one that is not Normal close the session', () => {
    expect(streamCloses('310101' + '00' + '023e00' + '0003')).toBe(PROTOCOL_VIOLATION);
    expect(streamCloses('310101' + '00' + '023e00' + '0000')).toBe(null);
  });

  it('N279: a datagram that announces properties and has none closes the session', () => {
    expect(datagramCloses('0d01010061')).toBe(PROTOCOL_VIOLATION);
    expect(datagramCloses('0d0101023e0061')).toBe(null);
  });

  it('N280: a datagram type that is not defined closes the session', () => {
    for (const type of ['22', '23', '26', '2a', '2f', '10', '30', '80ff']) {
      expect([type, datagramCloses(`${type}010101010101`)]).toEqual([type, PROTOCOL_VIOLATION]);
    }
    // The status that ends a group, with and without an Object ID and a priority.
    for (const datagram of ['220101010103', '2601010103', '2a01010103', '2e010103']) {
      expect([datagram, datagramCloses(datagram)]).toEqual([datagram, PROTOCOL_VIOLATION]);
    }
  });

  it('N281: a datagram with a status that is not Normal and properties closes the session', () => {
    expect(datagramCloses('2d0101' + '023e00' + '03')).toBe(PROTOCOL_VIOLATION);
    expect(datagramCloses('2d0101' + '023e00' + '00')).toBe(null);
  });

  it('N276 N304: a fetch stream tells ends of ranges only where they are asked for', () => {
    const encoder = new FetchObjectEncoder('ascending');
    expect(() => encoder.object({ ...object, status: 'end-of-group', payload: bytes('') })).toThrow(EncodeError);
  });
});

describe('data streams', () => {
  it('N282: one that ends within an object closes the session', () => {
    const whole = '300101' + '00' + '03' + '616263';
    for (let length = 2; length < whole.length; length += 2) {
      // Behind the header the stream may end: it has no objects then.
      const expected = length === 6 ? null : PROTOCOL_VIOLATION;
      expect([length, streamCloses(whole.slice(0, length), true)]).toEqual([length, expected]);
    }
    expect(streamCloses(whole, true)).toBe(null);
  });

  it('N286: a subgroup type that is not defined closes the session', () => {
    for (const type of ['16', '17', '1e', '36', '3f', '56', '7e', '80ff']) {
      expect([type, streamCloses(`${type}0101010101`)]).toEqual([type, PROTOCOL_VIOLATION]);
    }
  });

  it('N287: an Object ID beyond 2^64 - 1 closes the session', () => {
    expect(streamCloses(`300101${MAX}0161${'00'}0161`)).toBe(PROTOCOL_VIOLATION);
    expect(streamCloses(`300101${'fffffffffffffffffe'}0161${'00'}0161`)).toBe(null);
  });

  it('N288: all objects of a subgroup end with FIN', () => {
    const pair = establishedPair();
    const request = pair.client.session.subscribe(NAME, {});
    pair.run();
    const { session } = pair.server;
    session.acceptSubscribe(request, { trackAlias: 1 });
    session.writeData(session.openSubgroup(request, groupHead(1, 1), 1), nextObject('x'), true);
    pair.run();
    expect(pair.client.kinds().slice(-3)).toEqual(['subgroup', 'object', 'subgroup-end']);
  });

  it('N289 N293: a stream that ends early is reset', () => {
    const peer = new RawPeer();
    peer.open(true, messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: {} }));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    const given = peer.session.openSubgroup(0, groupHead(1, 1), 1);
    const cut = peer.session.openSubgroup(0, groupHead(1, 2), 1);
    peer.session.resetData(given, StreamResetCode.DELIVERY_TIMEOUT);
    peer.session.publishDone(0, { code: 0, streamCount: 2, reason: '' });
    peer.collect();
    expect(doneTo(peer, given)).toEqual(['open', 'write', `reset ${StreamResetCode.DELIVERY_TIMEOUT}`]);
    expect(doneTo(peer, cut)).toEqual(['open', 'write', `reset ${CANCELLED}`]);
  });

  it('N295: one that the peer does not want is reset', () => {
    const peer = new RawPeer();
    peer.open(true, messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: {} }));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    const stream = peer.session.openSubgroup(0, groupHead(1, 1), 1);
    peer.collect();
    peer.stopSending(stream, 7);
    expect(doneTo(peer, stream)).toEqual(['open', 'write', 'reset 7']);
  });

  it('N297: the code says why one is reset', () => {
    const peer = subscriber();
    const stream = peer.open(false, groupHead(1, 1));
    peer.reset(stream, StreamResetCode.TOO_FAR_BEHIND);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'subgroup-reset', code: StreamResetCode.TOO_FAR_BEHIND });
  });

  it('N284: a publisher ends a subscription with PUBLISH_DONE, not by closing its stream', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: {} }));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    peer.session.publishDone(0, { code: 2, streamCount: 0, reason: '' });
    peer.collect();
    expect(peer.on(stream).at(-1)).toMatchObject({ kind: 'write', fin: true });
    expect(peer.on(stream).at(-1)!.bytes[0]).toBe(0x0b);
  });
});

describe('fetch streams', () => {
  const object = (group: number, id: number, subgroup: number | null = 0): ReceivedObject => ({
    ...{ group, subgroup, object: id, status: 'normal', priority: 1, properties: bytes(''), payload: bytes('61') },
  });

  it('N298: the first object has its whole Location', () => {
    const first = new FetchObjectEncoder('ascending').object(object(7, 3));
    expect(Buffer.from(first).toString('hex')).toBe('1c' + '07' + '03' + '01' + '0161');
    expect(fetchCloses('1c070301' + '0161')).toBe(null);
  });

  it('N299: a first object that refers to one before closes the session', () => {
    // Without a Group ID, without an Object ID, without a priority, with the Subgroup ID of the object before.
    for (const first of ['1403010161', '1807010161', '0c07030161', '1d0703010161', '1e0703010161']) {
      expect([first, fetchCloses(first)]).toEqual([first, PROTOCOL_VIOLATION]);
    }
  });

  it('N300: a Group ID below 0 or beyond 2^64 - 1 closes the session', () => {
    expect(fetchCloses(`1c${MAX}0001${'0161'}${'0c000000'}`)).toBe(PROTOCOL_VIOLATION);
    expect(fetchCloses(`1c02000101610c02000161`, 'descending')).toBe(PROTOCOL_VIOLATION);
    expect(fetchCloses(`1c02000101610c01000161`, 'descending')).toBe(null);
  });

  it('N301: an Object ID beyond 2^64 - 1 closes the session', () => {
    expect(fetchCloses(`1c01${MAX}01${'0161'}${'000161'}`)).toBe(PROTOCOL_VIOLATION);
    expect(fetchCloses(`1c01${MAX}01${'0161'}${'0c00000161'}`)).toBe(null);
  });

  it('N302: an object that was a datagram is marked', () => {
    const encoded = new FetchObjectEncoder('ascending').object(object(7, 3, null));
    expect(encoded[0]! & 0x40).toBe(0x40);
  });

  it('N303: the mark makes the mode of the subgroup meaningless', () => {
    const encoded = new FetchObjectEncoder('ascending').object(object(7, 3, null));
    expect(encoded[0]! & 0x03).toBe(0);
    for (const flags of ['5c', '5d', '5e', '5f']) {
      expect(fetchCloses(`${flags}070301${'0161'}`)).toBe(null);
      // It goes on right behind the payload: with an object in front of the last one, which is none.
      expect(fetchCloses(`${flags}070301${'0161'}${`1d${MAX}030101`}`)).toBe(PROTOCOL_VIOLATION);
    }
  });

  it('N246 N298: begin with the Request ID', () => {
    expect(Buffer.from(encodeFetchHeader(5)).toString('hex')).toBe('0505');
  });
});

describe('padding', () => {
  it('N307: on a stream is discarded, however much it is', () => {
    const peer = new RawPeer();
    const stream = peer.open(false, bytes(`f0132b3e28${'00'.repeat(10)}`));
    for (let i = 0; i < 100; i++) peer.write(stream, new Uint8Array(10_000));
    expect([peer.closeCode, peer.session.usage.heldBytes, peer.session.usage.streams]).toEqual([null, 0, 0]);
    expect(doneTo(peer, stream)).toEqual([]);
  });

  it('N309: in a datagram is discarded', () => {
    const peer = new RawPeer();
    peer.datagram(bytes(`f0132b3e29${'00'.repeat(10)}`));
    expect([peer.closeCode, peer.notices.map(({ kind }) => kind)]).toEqual([null, ['setup']]);
  });
});
