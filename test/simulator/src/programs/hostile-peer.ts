import {
  datagram,
  drawMessage,
  mutateBytes,
  mutateMessage,
  mutatePieces,
  Random,
  subgroupStream,
} from '@higgins/fuzz/generate';
import {
  CONTROL_FIRST,
  encodeMessage,
  type Message,
  MOQT_18,
  REQUEST_FIRST,
  type RequestKind,
  requestContext,
} from '@higgins/protocol';
import type { Connection, Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import { CONNECTION_LIMITS } from './relay.js';

export interface HostilePeerOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  /** URLs; each connection goes to one of them at random. */
  readonly relays: readonly string[];
  /** Mean pause between two things that it does on a connection. */
  readonly intervalMs: number;
}

/** Connections at once. */
const CONNECTIONS = 3;
/** A connection that the relay closed is made again so soon. */
const RECONNECT_MS = 200;
/** One of so many messages is changed behind its head; the others are well-formed, whatever they ask for. */
const CHANGED_ONE_IN = 3;
/** It keeps so many streams open at most, so that it meets the limits of the relay and not its own memory. */
const STREAMS_MAX = 200;

const REQUESTS: readonly RequestKind[] = [
  ...(['subscribe', 'fetch', 'publish-namespace', 'track-status', 'publish'] as const),
  ...(['subscribe-namespace', 'subscribe-tracks'] as const),
];

/**
 * Does what no peer should: requests for anything, messages that are not quite right, data that nobody asked for,
 * streams that are reset in the middle. What it sends is drawn by the fuzzer's generators from the process's numbers.
 */
export function hostilePeerProgram(options: HostilePeerOptions): Program {
  return (context) => {
    const random = new Random(Math.floor(context.runtime.random() * 2 ** 32), 0);
    for (let index = 0; index < CONNECTIONS; index += 1) void attack(context, options, random);
  };
}

async function attack(context: ProcessContext, options: HostilePeerOptions, random: Random): Promise<void> {
  const { runtime, transport, note } = context;
  const url = random.pick(options.relays);
  const again = () => runtime.at(runtime.bootMs() + RECONNECT_MS, () => void attack(context, options, random));
  try {
    const { identity, authoritiesPem } = options;
    const protocols = [MOQT_18.protocol];
    const connection = await transport.connect({ url, identity, authoritiesPem, protocols, limits: CONNECTION_LIMITS });
    new Attack(connection, context, options, random, again).start();
  } catch (error) {
    note(`cannot connect to ${url}: ${String(error)}`);
    again();
  }
}

class Attack {
  readonly #connection: Connection;
  readonly #context: ProcessContext;
  readonly #options: HostilePeerOptions;
  readonly #random: Random;
  readonly #again: () => void;
  readonly #streams: { readonly id: number; readonly request: RequestKind | null }[] = [];
  #closed = false;
  #nextRequest = 0;

  constructor(
    connection: Connection,
    context: ProcessContext,
    options: HostilePeerOptions,
    random: Random,
    again: () => void,
  ) {
    this.#connection = connection;
    this.#context = context;
    this.#options = options;
    this.#random = random;
    this.#again = again;
  }

  start(): void {
    this.#connection.listen({
      opened: (stream, bidirectional) => {
        if (bidirectional) this.#streams.push({ id: stream, request: null });
      },
      ...{ data() {}, reset() {}, stopSending() {}, datagram() {}, credit() {}, drained() {} },
      closed: ({ code, reason }) => {
        this.#closed = true;
        this.#context.mark('hostile', `closed ${code}`);
        this.#context.note(`was thrown out: ${reason}`);
        this.#again();
      },
    });
    const setup = encodeMessage(MOQT_18, { kind: 'setup', options: {} }, CONTROL_FIRST);
    this.#open(false, null, this.#random.oneIn(10) ? mutateMessage(this.#random, setup) : setup);
    this.#actLater();
  }

  #actLater(): void {
    const { runtime } = this.#context;
    runtime.at(runtime.bootMs() + this.#options.intervalMs * 2 * runtime.random(), () => {
      if (this.#closed) return;
      this.#act();
      this.#actLater();
    });
  }

  #act(): void {
    const random = this.#random;
    switch (random.below(8)) {
      case 0:
        this.#connection.datagram(mutateBytes(random, datagram(random, random.below(5))));
        return;
      case 1:
      case 2:
        this.#data();
        return;
      case 3:
        this.#goOn();
        return;
      case 4:
        this.#abandon();
        return;
      default:
        this.#request();
    }
  }

  #request(): void {
    const kind = this.#random.pick(REQUESTS);
    const message = drawMessage(this.#random, kind, REQUEST_FIRST) as Extract<Message, { kind: RequestKind }>;
    const numbered = { ...message, requestId: this.#nextRequest } as Message;
    this.#nextRequest += 2;
    this.#open(true, kind, this.#maybe(encodeMessage(MOQT_18, numbered, REQUEST_FIRST)));
  }

  #data(): void {
    const pieces = subgroupStream(this.#random, this.#random.below(5));
    const sent = this.#random.oneIn(CHANGED_ONE_IN) ? mutatePieces(this.#random, pieces) : pieces;
    const stream = this.#open(false, null, sent[0] ?? new Uint8Array(0));
    if (stream === null) return;
    for (const piece of sent.slice(1)) this.#connection.write(stream, piece, false);
    if (this.#random.oneIn(2)) this.#connection.write(stream, new Uint8Array(0), true);
  }

  /** A further message on a stream, or bytes that are none. */
  #goOn(): void {
    if (this.#streams.length === 0) return;
    const { id, request } = this.#random.pick(this.#streams);
    const context = requestContext(request ?? 'subscribe', request === null ? 'responder' : 'requester', true);
    const kinds = [...context.allowed];
    if (kinds.length === 0) return;
    const message = drawMessage(this.#random, this.#random.pick(kinds), context);
    this.#connection.write(id, this.#maybe(encodeMessage(MOQT_18, message, context)), this.#random.oneIn(4));
  }

  #abandon(): void {
    if (this.#streams.length === 0) return;
    const { id } = this.#streams.splice(this.#random.below(this.#streams.length), 1)[0]!;
    if (this.#random.oneIn(2)) this.#connection.reset(id, this.#random.below(10));
    else this.#connection.stopSending(id, this.#random.below(10));
  }

  #open(bidirectional: boolean, request: RequestKind | null, bytes: Uint8Array): number | null {
    const stream = this.#connection.open(bidirectional, 0);
    if (stream === null) return null;
    if (bidirectional) this.#streams.push({ id: stream, request });
    if (this.#streams.length > STREAMS_MAX) this.#abandon();
    this.#connection.write(stream, bytes, false);
    return stream;
  }

  #maybe(bytes: Uint8Array): Uint8Array {
    return this.#random.oneIn(CHANGED_ONE_IN) ? mutateMessage(this.#random, bytes) : bytes;
  }
}
