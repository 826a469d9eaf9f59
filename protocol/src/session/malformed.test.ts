import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SessionTerminationCode } from '../errors.js';
import { requestContext } from '../messages/context.js';
import type { Message } from '../messages/message.js';
import { groupHead, joinBytes, nextObject } from '../testing/data.js';
import { messageBytes, RawPeer, setupBytes } from '../testing/raw-peer.js';
import { track } from '../testing/sessions.js';
import type { StreamKey } from './contract.js';

const NAME = track('platform/health/pop/fra1');
const { PROTOCOL_VIOLATION, INTERNAL_ERROR } = SessionTerminationCode;
const NO_BYTES = new Uint8Array(0);

function response(message: Message, answered = false): Uint8Array {
  return messageBytes(message, requestContext('subscribe', 'responder', answered));
}

describe('malformed input', () => {
  it('on a new stream closes the session', () => {
    const subscribe = messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: {} });
    const cases: [string, boolean, Uint8Array, boolean][] = [
      ['unknown stream type', false, Uint8Array.of(0x02, 0xff), false],
      ['reserved subgroup mode', false, Uint8Array.of(0x16, 1, 1), false],
      ['stream ends within its type', false, Uint8Array.of(0xc0), true],
      ['empty unidirectional stream', false, NO_BYTES, true],
      ['unknown message type', true, Uint8Array.of(0x3f, 0, 0), false],
      ['a response first', true, Uint8Array.of(0x07, 0, 1, 0), false],
      ['SETUP on a request stream', true, setupBytes(), false],
      ['request cut off', true, subscribe.slice(0, -1), true],
      ['request with a byte too many', true, lengthened(subscribe), false],
    ];
    for (const [name, bidirectional, bytes, fin] of cases) {
      const peer = new RawPeer();
      peer.open(bidirectional, bytes, fin);
      expect([name, peer.closeCode]).toEqual([name, PROTOCOL_VIOLATION]);
    }
  });

  it('from a responder closes the session', () => {
    const ok = response({ kind: 'subscribe-ok', ok: { trackAlias: 1 } });
    const done = response({ kind: 'publish-done', done: { code: 0, streamCount: 0, reason: '' } }, true);
    const update = messageBytes(
      { kind: 'request-update', requestId: 1, parameters: {} },
      requestContext('subscribe', 'requester', true),
    );
    const refused = response({ kind: 'request-error', error: { code: 1, reason: '', retryIntervalMs: null } });
    const answered = response({ kind: 'request-ok', ok: {} }, true);
    const cases: [string, Uint8Array][] = [
      ['two answers', joinBytes([ok, ok])],
      ['PUBLISH_DONE before the answer', done],
      ['REQUEST_ERROR that answers nothing', joinBytes([ok, refused])],
      ['REQUEST_OK that answers nothing', joinBytes([ok, answered])],
      ['REQUEST_UPDATE of the publisher', joinBytes([ok, update])],
    ];
    for (const [name, bytes] of cases) {
      const peer = new RawPeer({ role: 'client' });
      peer.session.subscribe(NAME, {});
      peer.collect();
      peer.write(-2, bytes);
      expect([name, peer.closeCode]).toEqual([name, PROTOCOL_VIOLATION]);
    }
  });

  it('is never answered with an internal error, whatever the bytes', () => {
    const seeds = [
      messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: { subscriberPriority: 3 } }),
      messageBytes({ kind: 'publish-namespace', requestId: 0, namespace: NAME.namespace, parameters: {} }),
      response({ kind: 'subscribe-ok', ok: { trackAlias: 1 } }),
      joinBytes([groupHead(1, 2), nextObject('payload'), nextObject('')]),
      Uint8Array.of(0x05, 0, 0x1c, 1, 1, 0, 1, 0x61),
      messageBytes({ kind: 'publish', requestId: 1, name: NAME, trackAlias: 1, parameters: { forward: true } }),
      messageBytes({ kind: 'publish', requestId: 0, name: track('other'), trackAlias: 2, parameters: {} }),
      messageBytes({ kind: 'subscribe-namespace', requestId: 2, prefix: NAME.namespace, parameters: {} }),
      messageBytes({ kind: 'subscribe-tracks', requestId: 3, prefix: NAME.namespace, parameters: { forward: false } }),
      // REQUEST_OK, NAMESPACE, NAMESPACE_DONE, PUBLISH_BLOCKED, REQUEST_UPDATE of a prefix, PUBLISH_DONE.
      Uint8Array.of(0x07, 0, 1, 0),
      Uint8Array.of(0x08, 0, 3, 1, 1, 0x61),
      Uint8Array.of(0x0e, 0, 3, 1, 1, 0x61),
      Uint8Array.of(0x0f, 0, 5, 1, 1, 0x61, 1, 0x74),
      Uint8Array.of(0x02, 0, 6, 4, 1, 0x34, 1, 1, 0x62),
      Uint8Array.of(0x0b, 0, 3, 2, 1, 0),
    ];
    const mutated = fc
      .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 }))
      .map(([seed, changes]) => {
        const bytes = seed.slice();
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return bytes;
      });
    const step = fc.record({
      target: fc.constantFrom('uni', 'bidi', 'bidi', 'request', 'last', 'last', 'control', 'datagram'),
      request: fc.constantFrom(...REQUESTS),
      answer: fc.constantFrom('accept', 'reject', 'none'),
      bytes: fc.oneof({ weight: 4, arbitrary: mutated }, fc.uint8Array({ maxLength: 20 })),
      end: fc.constantFrom('open', 'open', 'fin', 'reset', 'stop'),
      waitMs: fc.constantFrom(0, 0, 0, 5_000),
    });
    fc.assert(
      fc.property(
        fc.constantFrom('client' as const, 'server' as const),
        fc.array(step, { minLength: 4, maxLength: 12 }),
        (role, steps) => {
          const peer = new RawPeer({ role });
          const request = peer.session.subscribe(NAME, {});
          peer.session.fetch({ kind: 'relative-joining', subscription: request, groupsBack: 0 }, {});
          peer.session.publish(track('published'), 1);
          peer.session.subscribeNamespace(NAME.namespace);
          peer.session.subscribeTracks(NAME.namespace);
          peer.collect();
          let last = 0;
          let seen = 0;
          for (const { target, request: stream, answer, bytes, end, waitMs } of steps) {
            if (target === 'uni' || target === 'bidi') last = peer.open(target === 'bidi', bytes, end === 'fin');
            else if (target === 'datagram') peer.datagram(bytes);
            else peer.write(target === 'request' ? stream : target === 'control' ? 0 : last, bytes, end === 'fin');
            if (peer.notices.length > seen) answerLast(peer, answer);
            seen = peer.notices.length;
            if (end === 'reset') peer.reset(last, 1);
            if (end === 'stop') peer.stopSending(last, 1);
            peer.advance(waitMs);
          }
          expect(peer.closeCode).not.toBe(INTERNAL_ERROR);
          // However it ended, the notice of the end is the last one and stands alone.
          const closed = peer.notices.filter(({ kind }) => kind === 'closed');
          expect(closed).toHaveLength(peer.closeCode === null ? 0 : 1);
          if (peer.closeCode !== null) expect(peer.notices.at(-1)).toBe(closed[0]);
          if (peer.closeCode !== null)
            expect(peer.session.usage).toMatchObject({ streams: 0, requests: 0, deadlines: 0 });
        },
      ),
      { numRuns: 2000, seed: 18 },
    );
  });
});

/** The streams of the requests that the session sends at first. */
const REQUESTS: readonly StreamKey[] = [-2, -3, -4, -5, -6];

// Answers the last request of the peer's, if that is what came last.
function answerLast(peer: RawPeer, answer: string): void {
  const notice = peer.notices.at(-1);
  if (notice === undefined || peer.closeCode !== null) return;
  const { session } = peer;
  switch (notice.kind) {
    case 'publish':
    case 'subscribe-namespace':
    case 'subscribe-tracks':
      if (answer === 'reject') session.reject(notice.request, { code: 1, reason: '', retryIntervalMs: null });
      else if (answer === 'accept' && notice.kind === 'publish') session.acceptPublish(notice.request);
      else if (answer === 'accept') session.acceptRequest(notice.request);
      break;
    case 'update':
      if (answer === 'reject') session.rejectUpdate(notice.request, { code: 1, reason: '', retryIntervalMs: null });
      else if (answer === 'accept') session.acceptUpdate(notice.request);
  }
  peer.collect();
}

// One more byte inside the message, which its length counts.
function lengthened(message: Uint8Array): Uint8Array {
  const bytes = joinBytes([message, NO_BYTES, Uint8Array.of(0)]);
  bytes[2] = bytes[2]! + 1;
  return bytes;
}
