import {
  encodeMessage,
  type FullTrackName,
  fullTrackName,
  type Message,
  type MessageContext,
  MessageStreamParser,
  MOQT_18,
  type MoqtSession,
  REQUEST_FIRST,
  type RequestKind,
  requestContext,
  type SessionConfig,
  type StreamKey,
  trackNamespace,
  utf8,
} from '../../../../protocol/src/index.js';
import { joinBytes } from '../../../../protocol/src/testing/data.js';
import { RawPeer } from '../../../../protocol/src/testing/raw-peer.js';

export { fetchedGroups, groupHead, joinBytes, nextObject } from '../../../../protocol/src/testing/data.js';
export { goawayBytes, messageBytes, RawPeer, setupBytes } from '../../../../protocol/src/testing/raw-peer.js';
export { establishedPair, track } from '../../../../protocol/src/testing/sessions.js';

/** The stream of the first request of a session under test. */
export const FIRST_REQUEST: StreamKey = -2;

export function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

/** A message written by hand: `type` and `payload` in hex, the length is added. */
export function frame(type: string, payload: string): Uint8Array {
  return bytes(type + (payload.length / 2).toString(16).padStart(4, '0') + payload);
}

/** A track with these fields, and the name `name`. */
export function trackOf(fields: readonly string[], name = 't'): FullTrackName {
  return fullTrackName(trackNamespace(fields.map(utf8)), utf8(name));
}

/** A client session under test after `start`, whose peer answers by hand on `FIRST_REQUEST` and so on. */
export function clientPeer(
  start: (session: MoqtSession) => void = () => undefined,
  config: Partial<SessionConfig> = {},
) {
  const peer = new RawPeer({ role: 'client', ...config });
  start(peer.session);
  peer.collect();
  return peer;
}

/** A message of the responder to a request. */
export function response(kind: RequestKind, message: Message, answered = false): Uint8Array {
  return encodeMessage(MOQT_18, message, requestContext(kind, 'responder', answered));
}

/** A later message of the requester. */
export function later(kind: RequestKind, message: Message): Uint8Array {
  return encodeMessage(MOQT_18, message, requestContext(kind, 'requester', true));
}

/** What the session under test answered to a request that the peer opened on `stream`. */
export function answersOn(peer: RawPeer, stream: StreamKey, kind: RequestKind): Message[] {
  const messages: Message[] = [];
  const context = (): MessageContext => requestContext(kind, 'responder', messages.length > 0);
  readAll(peer, stream, context, messages);
  return messages;
}

/** What the session under test sent on the stream of a request of its own. */
export function requestsOn(peer: RawPeer, stream: StreamKey, kind: RequestKind): Message[] {
  const messages: Message[] = [];
  const context = (): MessageContext =>
    messages.length === 0 ? REQUEST_FIRST : requestContext(kind, 'requester', true);
  readAll(peer, stream, context, messages);
  return messages;
}

/** The code that a session under test closes with when the peer opens a stream with these bytes. */
export function closeCodeFor(bidirectional: boolean, sent: Uint8Array, fin = false): number | null {
  const peer = new RawPeer();
  peer.open(bidirectional, sent, fin);
  return peer.closeCode;
}

/** The code that a client session closes with when the answer to its SUBSCRIBE is `sent`. */
export function closeCodeForAnswer(sent: Uint8Array): number | null {
  const peer = clientPeer((session) => session.subscribe(trackOf(['a']), {}));
  peer.write(FIRST_REQUEST, sent);
  return peer.closeCode;
}

/** The kinds of what the session did to a stream, with codes and FIN. */
export function doneTo(peer: RawPeer, stream: StreamKey): string[] {
  return peer.on(stream).map(({ kind, code, fin }) => {
    if (kind === 'write') return fin ? 'fin' : 'write';
    return kind === 'open' ? 'open' : `${kind} ${code}`;
  });
}

function readAll(peer: RawPeer, stream: StreamKey, context: () => MessageContext, messages: Message[]): void {
  const parser = new MessageStreamParser(MOQT_18);
  const written = peer.on(stream).filter(({ kind }) => kind === 'write');
  parser.push(joinBytes(written.map((action) => action.bytes)), false);
  for (let message = parser.next(context()); message !== null; message = parser.next(context())) messages.push(message);
}
