import {
  type Connection,
  type ConnectionEvents,
  type Listener,
  type ListenOptions,
  type PeerInfo,
  type ReceiverSet,
  type ReceiverSetEvents,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from '@higgins/transport';
import type { Call, RemoteEvent, RemoteFailure } from './protocol.js';

declare class XMLHttpRequest {
  open(method: string, url: string, async: boolean): void;
  send(body: Uint8Array): void;
  readonly status: number;
  readonly responseText: string;
}

const NONE = new Uint8Array(0);

/**
 * In the page: the native transport of the process that runs the browser, for the server's side of the cases. Calls
 * are requests that block the page, since the interface answers at once; events are fetched.
 */
export class RemoteTransport implements Transport {
  readonly #accepts = new Map<number, ListenOptions['accept']>();
  readonly #connections = new Map<number, RemoteConnection>();
  readonly #sets = new Map<number, ReceiverSetEvents>();
  #dispatched = 0;
  #over = false;

  /** Fetches events until `close`. */
  async follow(): Promise<void> {
    while (!this.#over) {
      const response = await fetch('/events');
      for (const event of (await response.json()) as RemoteEvent[]) {
        this.#dispatched += 1;
        this.#dispatch(event);
      }
    }
  }

  /** How many events have happened at the server that were not told here yet. */
  async behind(): Promise<number> {
    return ((await callLater({ op: 'count' })) as number) - this.#dispatched;
  }

  async listen({ accept, ...options }: ListenOptions): Promise<Listener> {
    const listener = this.#accepts.size + 1;
    this.#accepts.set(listener, accept);
    const made = (await callLater({ op: 'listen', listener, options })) as
      | { host: string; port: number }
      | RemoteFailure;
    if ('code' in made) throw new TransportError(made.code as TransportErrorCode, made.message);
    return {
      ...made,
      reload: () => {
        throw new Error('certificates are not reloaded from a page');
      },
      close: async () => void (await callLater({ op: 'close-listener', listener })),
    };
  }

  connect(): Promise<Connection> {
    return Promise.reject(new TransportError('unsupported', 'the remote transport is for the server’s side'));
  }

  receiverSet(events: ReceiverSetEvents): ReceiverSet {
    const set = this.#sets.size + 1;
    this.#sets.set(set, events);
    call({ op: 'make-set', set });
    const numberOf = (receiver: Connection) => (receiver as RemoteConnection).id;
    return {
      add: (receiver, priority) => call({ op: 'set-add', set, connection: numberOf(receiver), priority }),
      setPriority: (receiver, priority) =>
        call({ op: 'set-priority-of', set, connection: numberOf(receiver), priority }),
      remove: (receiver, code) =>
        call({ op: 'set-remove', set, connection: numberOf(receiver), code: code ?? null }) as number,
      open: (group, head, options) => call({ op: 'set-open', set, group, ...options }, head),
      append: (group, body, fin) => call({ op: 'set-append', set, group, fin }, body),
      reset: (group, code) => call({ op: 'set-reset', set, group, code }),
      close: () => call({ op: 'set-close', set }),
    };
  }

  async close(): Promise<void> {
    this.#over = true;
    await callLater({ op: 'close-transport' });
  }

  #dispatch(event: RemoteEvent): void {
    if (event.on === 'missed' || event.on === 'set-drained') {
      const receiver = this.#connections.get(event.connection)!;
      const listener = this.#sets.get(event.set);
      if (event.on === 'missed') listener?.missed(receiver, event.group);
      else listener?.drained(receiver);
    } else if (event.on === 'accepted') {
      const connection = new RemoteConnection(event.connection, event.peer);
      this.#connections.set(event.connection, connection);
      this.#accepts.get(event.listener)?.(connection);
    } else {
      this.#connections.get(event.connection)?.dispatch(event);
    }
  }
}

class RemoteConnection implements Connection {
  readonly id: number;
  readonly peer: PeerInfo;
  #events: ConnectionEvents | null = null;

  constructor(id: number, peer: PeerInfo) {
    this.id = id;
    this.peer = peer;
  }

  listen(events: ConnectionEvents): void {
    this.#events = events;
    call({ op: 'listen-to', connection: this.id });
  }

  open(bidirectional: boolean, priority: number): number | null {
    return call({ op: 'open', connection: this.id, bidirectional, priority }) as number | null;
  }

  write(stream: number, bytes: Uint8Array, fin: boolean): void {
    call({ op: 'write', connection: this.id, stream, fin }, bytes);
  }

  reset(stream: number, code: number): void {
    call({ op: 'reset', connection: this.id, stream, code });
  }

  stopSending(stream: number, code: number): void {
    call({ op: 'stop-sending', connection: this.id, stream, code });
  }

  setPriority(stream: number, priority: number): void {
    call({ op: 'set-priority', connection: this.id, stream, priority });
  }

  datagram(bytes: Uint8Array): boolean {
    return call({ op: 'datagram', connection: this.id }, bytes) as boolean;
  }

  backlogBytes(): number {
    return call({ op: 'backlog', connection: this.id }) as number;
  }

  notifyBacklogBelow(bytes: number): void {
    call({ op: 'notify-backlog', connection: this.id, bytes });
  }

  close(code: number, reason: string): void {
    call({ op: 'close', connection: this.id, code, reason });
  }

  dispatch(event: Exclude<RemoteEvent, { set: number } | { on: 'accepted' }>): void {
    const events = this.#events;
    if (events === null) return;
    switch (event.on) {
      case 'opened':
        events.opened(event.stream, event.bidirectional);
        break;
      case 'data':
        events.data(event.stream, bytesOf(event.bytes), event.fin);
        break;
      case 'reset':
        events.reset(event.stream, event.code);
        break;
      case 'stop-sending':
        events.stopSending(event.stream, event.code);
        break;
      case 'datagram':
        events.datagram(bytesOf(event.bytes));
        break;
      case 'credit':
        events.credit(event.bidirectional);
        break;
      case 'drained':
        events.drained();
        break;
      case 'closed':
        events.closed(event.info);
    }
  }
}

/** Blocks the page until the answer is there. */
function call(what: Call, bytes: Uint8Array = NONE): unknown {
  const request = new XMLHttpRequest();
  request.open('POST', `/call?${encodeURIComponent(JSON.stringify(what))}`, false);
  request.send(bytes);
  if (request.status !== 200) throw new Error(`${what.op}: ${request.responseText}`);
  return JSON.parse(request.responseText);
}

async function callLater(what: Call): Promise<unknown> {
  const response = await fetch(`/call?${encodeURIComponent(JSON.stringify(what))}`, { method: 'POST' });
  if (!response.ok) throw new Error(`${what.op}: ${await response.text()}`);
  return await response.json();
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
