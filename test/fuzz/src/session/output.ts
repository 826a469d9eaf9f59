import {
  type Action,
  CONTROL,
  CONTROL_FIRST,
  type Message,
  type MessageContext,
  MessageStreamParser,
  MOQT_18,
  REQUEST_FIRST,
  type RequestKind,
  requestContext,
  type StreamKey,
} from '@higgins/protocol';

/** A stream that the session opened, as its peer sees it. */
export interface OwnStream {
  readonly bidirectional: boolean;
  readonly parser: MessageStreamParser;
  context: MessageContext | null;
  /** What was asked for, from the first message on. */
  request: RequestKind | null;
  requestId: number;
  sendOpen: boolean;
  receiveOpen: boolean;
  /** The peer would not read it: it has to be reset (draft-18 §11.4.3). */
  refused: boolean;
}

/** What a session writes on control and request streams, decoded in its place; anything out of place is a finding. */
export class Output {
  readonly #own = new Map<StreamKey, OwnStream>();
  readonly #answers = new Map<StreamKey, OwnStream>();
  readonly #fail: (message: string) => never;
  opened = 0;

  constructor(fail: (message: string) => never) {
    this.#fail = fail;
  }

  take(action: Action): void {
    const stream = this.#own.get(action.stream) ?? this.#answers.get(action.stream);
    if (action.kind === 'open') this.#open(action);
    else if (action.kind === 'write' && stream !== undefined) this.#write(stream, action);
    else if (action.kind === 'reset' && stream !== undefined) stream.sendOpen = false;
    else if (action.kind === 'stop-sending' && stream !== undefined) stream.receiveOpen = false;
  }

  /** The peer has sent a request on a stream of its own: what comes back on it is an answer to that. */
  expectAnswers(stream: StreamKey, request: RequestKind): void {
    if (!this.#answers.has(stream))
      this.#answers.set(stream, newStream(true, requestContext(request, 'responder', false), request));
  }

  /** The peer has sent STOP_SENDING. */
  peerRefused(stream: StreamKey): void {
    const own = this.#own.get(stream);
    if (own !== undefined) own.refused = true;
  }

  /** The peer has ended or reset its direction. */
  peerEnded(stream: StreamKey): void {
    const own = this.#own.get(stream);
    if (own !== undefined) own.receiveOpen = false;
  }

  /** Bidirectional streams of the session's on which the peer may still answer. */
  requests(): [StreamKey, OwnStream][] {
    return [...this.#own].filter(
      ([, { bidirectional, receiveOpen, request }]) => bidirectional && receiveOpen && request !== null,
    );
  }

  /** Streams of the session's that the peer may still reset: the bidirectional ones that it has not ended. */
  resettable(): StreamKey[] {
    return [...this.#own]
      .filter(([, { bidirectional, receiveOpen }]) => bidirectional && receiveOpen)
      .map(([key]) => key);
  }

  /** Streams of the session's that the peer may refuse; its control stream is left alone. */
  refusable(): StreamKey[] {
    return [...this.#own].filter(([key, { sendOpen }]) => key !== -1 && sendOpen).map(([key]) => key);
  }

  #open({ stream, bidirectional }: Action): void {
    this.opened++;
    if (this.#own.has(stream)) this.#fail(`opens stream ${stream} twice`);
    const context = bidirectional ? REQUEST_FIRST : this.opened === 1 ? CONTROL_FIRST : null;
    this.#own.set(stream, newStream(bidirectional, context, null));
  }

  #write(stream: OwnStream, { bytes, fin, stream: key }: Action): void {
    if (!stream.sendOpen) this.#fail(`writes to stream ${key} after its end`);
    if (stream.refused) this.#fail(`writes to stream ${key}, which its peer refused`);
    if (fin) stream.sendOpen = false;
    if (stream.context === null) return;
    try {
      stream.parser.push(bytes, fin);
      for (
        let message = stream.parser.next(stream.context);
        message !== null;
        message = stream.parser.next(stream.context)
      ) {
        stream.context = contextAfter(stream, message);
      }
    } catch (error) {
      this.#fail(`writes what its peer refuses: ${String(error)}`);
    }
  }
}

function newStream(bidirectional: boolean, context: MessageContext | null, request: RequestKind | null): OwnStream {
  const parser = new MessageStreamParser(MOQT_18);
  return { bidirectional, parser, context, request, requestId: -1, sendOpen: true, receiveOpen: true, refused: false };
}

function contextAfter(stream: OwnStream, message: Message): MessageContext {
  if (stream.context === CONTROL_FIRST || stream.context === CONTROL) return CONTROL;
  if (stream.context === REQUEST_FIRST) {
    stream.request = message.kind as RequestKind;
    stream.requestId = 'requestId' in message ? Number(message.requestId) : -1;
    return requestContext(stream.request, 'requester', true);
  }
  if (stream.requestId >= 0 || stream.request === null) return stream.context!;
  return requestContext(stream.request, 'responder', true);
}
