import {
  CONTROL,
  CONTROL_FIRST,
  encodeMessage,
  type Message,
  MOQT_18,
  REQUEST_FIRST,
  type RequestKind,
  requestContext,
  type StreamKey,
} from '@higgins/protocol';
import { hex } from '../frame/finding.js';
import type { Random } from '../frame/random.js';
import { datagram, fetchStream, subgroupStream } from '../generate/data.js';
import { drawMessage } from '../generate/messages.js';
import { join, mutateBytes, mutateMessage, mutatePieces } from '../generate/mutate.js';
import { track } from './application.js';
import type { Harness } from './harness.js';

const KINDS: readonly RequestKind[] = [
  ...(['subscribe', 'subscribe', 'subscribe', 'fetch', 'fetch', 'publish-namespace', 'track-status'] as const),
  ...(['publish', 'subscribe-namespace', 'subscribe-tracks'] as const),
];

interface PeerStream {
  readonly key: StreamKey;
  readonly bidirectional: boolean;
  /** What was asked for, if this is a request. */
  readonly request: RequestKind | null;
  /** Pieces that are still to be sent. */
  readonly rest: Uint8Array[];
  open: boolean;
}

/** The peer of a session under test: does what peers do, on many streams at once, with something wrong now and then. */
export class Peer {
  readonly #harness: Harness;
  readonly #random: Random;
  /** One change in so many pieces; 0 for none. */
  readonly #changes: number;
  readonly #streams: PeerStream[] = [];
  #nextStream = 0;
  #control: StreamKey | null = null;
  #nextRequest: number;

  constructor(harness: Harness, random: Random, changes: number) {
    this.#harness = harness;
    this.#random = random;
    this.#changes = changes;
    this.#nextRequest = harness.session.role === 'server' ? 0 : 1;
  }

  /** Streams that it has not ended. */
  openStreams(): StreamKey[] {
    return this.#streams.filter(({ open }) => open).map(({ key }) => key);
  }

  setup(): void {
    const { role } = this.#harness.session;
    const message = drawMessage(this.#random, 'setup', CONTROL_FIRST) as Extract<Message, { kind: 'setup' }>;
    const { path, authority, authorizationTokens, ...options } = message.options;
    // Only the client of a raw QUIC connection names an address; aliases are used before they are known only by mistake.
    const tokens = authorizationTokens?.filter((token) => !('action' in token));
    const given = role === 'server' && this.#changes === 0 ? {} : { path, authority };
    const address =
      role === 'server' ? Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) : {};
    const fields = { ...options, ...address, ...(tokens !== undefined && { authorizationTokens: tokens }) };
    const bytes = encodeMessage(MOQT_18, { kind: 'setup', options: fields }, CONTROL_FIRST);
    const wrong = this.#changes > 0 && this.#random.oneIn(30);
    this.#control = this.#start(false, null, [wrong ? mutateMessage(this.#random, bytes) : bytes], false);
  }

  /** Does one thing. */
  act(): void {
    switch (this.#random.below(12)) {
      case 0:
      case 1:
        this.#request();
        break;
      case 2:
      case 3:
        this.#answer();
        break;
      case 4:
      case 5:
        this.#data();
        break;
      case 6:
        this.#harness.apply({
          do: 'datagram',
          hex: hex(this.#maybe(datagram(this.#random, this.#random.below(5)), mutateBytes)),
        });
        break;
      case 7:
        this.#disturb();
        break;
      case 8:
        this.#later();
        break;
      case 9:
        this.#harness.apply({ do: 'advance', ms: this.#random.pick([1, 10, 500, 2_500]) });
        break;
      default:
        this.#goOn();
    }
  }

  #request(): void {
    const kind = this.#random.pick(KINDS);
    const message = drawMessage(this.#random, kind, REQUEST_FIRST) as Extract<Message, { kind: RequestKind }>;
    const numbered = { ...message, requestId: this.#takeRequestId() } as Message;
    // Names out of a small set, so that requests meet.
    const named =
      'name' in numbered && !this.#random.oneIn(4) ? { ...numbered, name: track(this.#random.below(3)) } : numbered;
    const bytes = this.#maybe(encodeMessage(MOQT_18, withoutAliases(named), REQUEST_FIRST), mutateMessage);
    const key = this.#start(true, kind, [bytes], this.#random.oneIn(10));
    if (this.#changes === 0) this.#harness.output.expectAnswers(key, kind);
  }

  #takeRequestId(): number {
    const id = this.#nextRequest;
    this.#nextRequest += 2;
    if (this.#changes > 0 && this.#random.oneIn(60)) return this.#random.below(30);
    // Requests overtake each other.
    if (this.#random.oneIn(8)) this.#nextRequest += 2 * this.#random.below(5);
    return id;
  }

  /** An answer on a request stream of the session's. */
  #answer(): void {
    const requests = this.#harness.output.requests();
    if (requests.length === 0) {
      this.#request();
      return;
    }
    const [key, { request }] = this.#random.pick(requests);
    const context = requestContext(request!, 'responder', false);
    const fit = request === 'subscribe' ? 'subscribe-ok' : request === 'fetch' ? 'fetch-ok' : 'request-ok';
    const answers =
      this.#random.oneIn(4) || this.#changes === 0 ? context : requestContext(request!, 'responder', true);
    const kind = this.#random.oneIn(3) ? this.#random.pick([...answers.allowed]) : fit;
    const place = context.allowed.has(kind) ? context : requestContext(request!, 'responder', true);
    let message = drawMessage(this.#random, kind, place);
    if (message.kind === 'subscribe-ok')
      message = { kind: 'subscribe-ok', ok: { ...message.ok, trackAlias: this.#random.below(5) } };
    if (message.kind === 'publish-done') {
      message = { kind: 'publish-done', done: { ...message.done, streamCount: this.#random.below(4) } };
    }
    const bytes = this.#maybe(encodeMessage(MOQT_18, message, place), mutateMessage);
    this.#send(key, bytes, this.#random.oneIn(4));
  }

  #data(): void {
    const { session, output } = this.#harness;
    if (this.#random.oneIn(12)) {
      this.#start(false, null, [padding(this.#random)], false);
      return;
    }
    const fetches = output.requests().filter(([, { request }]) => request === 'fetch');
    const asFetch = this.#random.oneIn(3) && fetches.length > 0;
    const pieces = asFetch
      ? fetchStream(this.#random, this.#random.pick(fetches)[1].requestId, 'ascending')
      : subgroupStream(this.#random, this.#random.below(5));
    const wrong = this.#changes > 0 && this.#random.oneIn(this.#changes);
    const start =
      session.established || !this.#random.oneIn(3) ? this.#random.between(1, pieces.length) : pieces.length;
    const sent = wrong ? mutatePieces(this.#random, pieces) : pieces;
    this.#start(false, null, sent, this.#random.oneIn(3), Math.max(1, start));
  }

  /** The next pieces of a stream that it has begun, or its end. */
  #goOn(): void {
    const begun = this.#streams.filter(({ open, rest }) => open && rest.length > 0);
    if (begun.length === 0) {
      this.#data();
      return;
    }
    const stream = this.#random.pick(begun);
    const piece = stream.rest.shift()!;
    const fin = stream.rest.length === 0 && this.#random.oneIn(2);
    if (fin) stream.open = false;
    this.#send(stream.key, piece, fin);
  }

  /** A further message on a stream of its own. */
  #later(): void {
    const requests = this.#streams.filter(({ open, request }) => open && request !== null);
    const control = this.#control;
    if (control === null || (requests.length === 0 && this.#changes === 0)) {
      this.#request();
      return;
    }
    if (requests.length === 0 || this.#random.oneIn(12)) {
      const goaway = drawMessage(this.#random, 'goaway', CONTROL);
      this.#send(control, this.#maybe(encodeMessage(MOQT_18, goaway, CONTROL), mutateMessage), false);
      return;
    }
    const { key, request } = this.#random.pick(requests);
    const context = requestContext(request!, 'requester', true);
    const kinds = [...context.allowed];
    if (kinds.length === 0) return;
    const kind = this.#random.oneIn(6) ? this.#random.pick(kinds) : kinds[0]!;
    // Now and then so many that they meet the limit of what may be open.
    const count = kind === 'request-update' && this.#random.oneIn(4) ? 5 : 1;
    const messages = Array.from({ length: count }, () => {
      const message = drawMessage(this.#random, kind, context);
      const numbered = message.kind === 'request-update' ? { ...message, requestId: this.#takeRequestId() } : message;
      return encodeMessage(MOQT_18, withoutAliases(numbered), context);
    });
    this.#send(key, this.#maybe(join(messages), mutateMessage), this.#random.oneIn(9));
  }

  /** Resets, ends or refuses a stream. */
  #disturb(): void {
    const random = this.#random;
    const { output } = this.#harness;
    const end = random.oneIn(2) ? 'reset' : 'stop-sending';
    const own = end === 'reset' ? output.resettable() : output.refusable();
    const open = this.#streams.filter(
      (stream) => stream.open && (stream.key !== this.#control || (this.#changes > 0 && random.oneIn(20))),
    );
    const code = random.pick([0, 1, 2, 0x9d]);
    if (open.length > 0 && random.oneIn(2)) {
      const stream = random.pick(open);
      if (stream.bidirectional && random.oneIn(2))
        this.#harness.apply({ do: 'stop-sending', stream: stream.key, code });
      else if (random.oneIn(2)) {
        stream.open = false;
        this.#harness.apply({ do: 'reset', stream: stream.key, code });
      } else {
        stream.open = false;
        this.#send(stream.key, new Uint8Array(0), true);
      }
    } else if (own.length > 0) this.#harness.apply({ do: end, stream: random.pick(own), code });
  }

  #start(
    bidirectional: boolean,
    request: RequestKind | null,
    pieces: readonly Uint8Array[],
    fin: boolean,
    now = pieces.length,
  ): StreamKey {
    const key = this.#nextStream++;
    const open = !fin || now < pieces.length;
    this.#streams.push({ key, bidirectional, request, rest: pieces.slice(now), open });
    this.#harness.apply({ do: 'open', stream: key, bidirectional });
    this.#send(key, join(pieces.slice(0, now)), !open);
    return key;
  }

  // In one piece or in a few.
  #send(stream: StreamKey, bytes: Uint8Array, fin: boolean): void {
    let start = 0;
    for (let cuts = this.#random.oneIn(3) ? this.#random.below(4) : 0; cuts > 0; cuts--) {
      const end = this.#random.between(start, bytes.length);
      this.#harness.apply({ do: 'data', stream, hex: hex(bytes.subarray(start, end)), fin: false });
      start = end;
    }
    this.#harness.apply({ do: 'data', stream, hex: hex(bytes.subarray(start)), fin });
  }

  #maybe(bytes: Uint8Array, change: (random: Random, bytes: Uint8Array) => Uint8Array): Uint8Array {
    return this.#changes > 0 && this.#random.oneIn(this.#changes) ? change(this.#random, bytes) : bytes;
  }
}

// An alias that the receiver does not know ends the session: one that it may know is used only now and then.
function withoutAliases(message: Message): Message {
  if (!('parameters' in message) || message.parameters.authorizationTokens === undefined) return message;
  const tokens = message.parameters.authorizationTokens.filter(
    (token) => !('action' in token) || token.action === 'register',
  );
  const { authorizationTokens: _dropped, ...others } = message.parameters;
  return {
    ...message,
    parameters: tokens.length === 0 ? others : { ...others, authorizationTokens: tokens.slice(0, 1) },
  } as Message;
}

function padding(random: Random): Uint8Array {
  return join([new Uint8Array([0xf0, 0x13, 0x2b, 0x3e, 0x28]), new Uint8Array(random.below(9))]);
}
