import { describe, expect, it } from 'vitest';
import { SessionTerminationCode, StreamResetCode } from '../errors.js';
import { fullTrackName, trackNamespace } from '../model/names.js';
import { groupHead, joinBytes } from '../testing/data.js';
import { messageBytes, RawPeer, setupBytes } from '../testing/raw-peer.js';
import { establishedPair, track } from '../testing/sessions.js';

const PADDING = Uint8Array.of(0xf0, 0x13, 0x2b, 0x3e, 0x28, 0, 0);

describe('incoming streams', () => {
  it('are refused beyond the limit, whatever they are for', () => {
    const peer = new RawPeer({ limits: { streamsMax: 3 } });
    peer.open(true, new Uint8Array(0));
    const request = peer.open(
      true,
      messageBytes({ kind: 'track-status', requestId: 0, name: track('a'), parameters: {} }),
    );
    const data = peer.open(false, groupHead(1, 1));
    expect(peer.on(request)).toMatchObject([
      { kind: 'reset', code: StreamResetCode.EXCESSIVE_LOAD },
      { kind: 'stop-sending', code: StreamResetCode.EXCESSIVE_LOAD },
    ]);
    expect(peer.on(data)).toMatchObject([{ kind: 'stop-sending', code: StreamResetCode.EXCESSIVE_LOAD }]);
    expect(peer.closeCode).toBe(null);
  });

  it('that hold half a message are given up beyond a bound in bytes, requests under way included', () => {
    const peer = new RawPeer({ limits: { partialMessageBytesMax: 40_000 } });
    const name = track('a');
    const whole = messageBytes({ kind: 'subscribe', requestId: 0, name, parameters: {} });
    // The head of a message of the largest size, and one byte of it.
    const half = (type: number) => Uint8Array.of(type, 0xff, 0xff, 0);
    const starts = [1, 2].map(() => peer.open(true, half(0x03)));
    const request = peer.open(true, whole);
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    const own = peer.session.publishNamespace(name.namespace);
    peer.collect();
    expect(peer.session.usage.heldBytes).toBeLessThanOrEqual(40_000);
    const code = StreamResetCode.EXCESSIVE_LOAD;
    const refused = [{ kind: 'reset' }, { kind: 'stop-sending' }];
    peer.write(request, half(0x02));
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'cancelled', request: 0, code });
    peer.write(-2, half(0x05));
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'request-error', request: own, error: { code: null } });
    const third = peer.open(true, half(0x03));
    expect(peer.on(third)).toMatchObject(refused);
    for (const stream of [request, -2]) expect(peer.on(stream).slice(-2)).toMatchObject(refused);
    for (const stream of starts) peer.reset(stream, 0);
    expect(peer.session.usage).toMatchObject({ streams: 0, requests: 0, heldBytes: 0, deadlines: 0 });
    expect(peer.closeCode).toBe(null);
  });

  it('that bring a message in many pieces are charged for none of it afterwards', () => {
    const peer = new RawPeer();
    const bytes = messageBytes({ kind: 'track-status', requestId: 0, name: track('a'), parameters: {} });
    const stream = peer.open(true, bytes.slice(0, 1));
    let heldMost = 0;
    for (let i = 1; i < bytes.length; i++) {
      heldMost = Math.max(heldMost, peer.session.usage.heldBytes);
      peer.write(stream, bytes.slice(i, i + 1));
    }
    expect(heldMost).toBeGreaterThanOrEqual(64);
    expect(peer.notices.at(-1)?.kind).toBe('track-status');
    expect(peer.session.usage.heldBytes).toBe(0);
  });

  it('of padding are discarded', () => {
    const peer = new RawPeer();
    const stream = peer.open(false, PADDING);
    peer.write(stream, new Uint8Array(100_000), true);
    expect(peer.on(stream)).toEqual([]);
    expect(peer.session.usage).toMatchObject({ streams: 0, heldBytes: 0 });
  });

  it('that end or are reset before their request leave nothing behind', () => {
    const peer = new RawPeer();
    const ended = peer.open(true, new Uint8Array(0), true);
    const reset = peer.open(true, Uint8Array.of(0x03));
    peer.reset(reset, 0);
    for (const stream of [ended, reset])
      expect(peer.on(stream).map(({ kind }) => kind)).toEqual(['reset', 'stop-sending']);
    expect(peer.session.usage).toMatchObject({ streams: 0, requests: 0 });
    expect(peer.closeCode).toBe(null);
  });
});

describe('bytes that wait', () => {
  it('are copied, from a Buffer too, whose slice would share them', () => {
    const peer = new RawPeer({}, false);
    const lend = (stream: number, bytes: Uint8Array): void => {
      const lent = Buffer.from(bytes);
      peer.write(stream, lent);
      lent.fill(0xee);
    };
    const request = peer.open(true, new Uint8Array(0));
    lend(request, messageBytes({ kind: 'track-status', requestId: 0, name: track('a'), parameters: {} }));
    const control = peer.open(false, new Uint8Array(0));
    const setup = setupBytes();
    lend(control, setup.subarray(0, 1));
    lend(control, setup.subarray(1));
    expect(peer.notices.map(({ kind }) => kind)).toEqual(['setup', 'track-status']);
    expect(peer.closeCode).toBe(null);
  });
});

describe('datagrams', () => {
  it('are dropped when well-formed, and end the session when not', () => {
    const peer = new RawPeer();
    peer.datagram(Uint8Array.of(0x00, 1, 2, 3, 0x80, 0x61));
    peer.datagram(joinBytes([Uint8Array.of(0xf0, 0x13, 0x2b, 0x3e, 0x29), new Uint8Array(10)]));
    expect(peer.closeCode).toBe(null);
    peer.datagram(Uint8Array.of(0x22, 1, 2, 3, 0));
    expect(peer.closeCode).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
  });
});

describe('names', () => {
  it('BUS-02: that only the SDK forbids are carried, those beyond the limits of the draft end the session', () => {
    const pair = establishedPair();
    const bytes = Uint8Array.of(0xff, 0);
    const names = [
      track('.hidden/x'),
      fullTrackName(trackNamespace([bytes]), new Uint8Array(0)),
      fullTrackName(trackNamespace(Array(32).fill(new Uint8Array(100))), new Uint8Array(896)),
      fullTrackName(trackNamespace([]), bytes),
    ];
    for (const name of names) pair.client.session.subscribe(name, {});
    pair.run();
    expect(pair.server.all('subscribe').map(({ name }) => name.key)).toEqual(names.map(({ key }) => key));

    const head = [0x03, 0, 0, 0];
    const tooLong = [1, 0x90, 0x01, ...Array(4097).fill(1), 0, 0];
    for (const body of [[33, ...Array(66).fill(1)], [1, 0, 0, 0], tooLong]) {
      const message = Uint8Array.from([...head, ...body]);
      message[1] = (message.length - 3) >> 8;
      message[2] = (message.length - 3) & 0xff;
      const peer = new RawPeer();
      peer.open(true, message);
      expect(peer.closeCode).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
    }
  });
});
