/**
 * Bytes that were handed over: the receiver may keep them for as long as it likes, and nobody changes them any more.
 */
export type SharedBytes = Uint8Array;

/** A stream within one connection, as the transport numbers it; not reused within a connection. */
export type StreamId = number;

/** How a connection ended. `remote` tells who closed it; `code` is the application's close code, null if the
 * connection was lost instead (idle time-out, reset, handshake failure), with the cause in `reason`. */
export interface CloseInfo {
  readonly code: number | null;
  readonly reason: string;
  readonly remote: boolean;
}

/** What is known of the other side once the handshake is done. */
export interface PeerInfo {
  /** `host:port`, IPv6 in brackets. */
  readonly address: string;
  /** Raw QUIC or WebTransport over HTTP/3. */
  readonly kind: 'quic' | 'webtransport' | 'memory';
  /** The negotiated application protocol, such as `moqt-18`: ALPN on raw QUIC, WT-Protocol on WebTransport. */
  readonly protocol: string;
  /** The authority and path that a WebTransport client asked for; empty strings on raw QUIC. */
  readonly authority: string;
  readonly path: string;
  /** The peer's leaf certificate (DER), null if it sent none. A server requests one, and judges it after the handshake. */
  readonly certificate: Uint8Array | null;
  /** Null if the chain was verified against the configured authorities; else why it was not (`no certificate`, `expired`, …). */
  readonly certificateError: string | null;
}

/**
 * What a connection tells its owner. Calls come in the order of the wire, never from within a call that the owner
 * makes on the connection. After `closed` nothing follows.
 */
export interface ConnectionEvents {
  /** The peer opened a stream. */
  opened(stream: StreamId, bidirectional: boolean): void;
  /** Bytes arrived. The view is valid during the call only, unless the owner copies it. `fin` ends the receiving side. */
  data(stream: StreamId, bytes: Uint8Array, fin: boolean): void;
  /** The peer reset its sending side. */
  reset(stream: StreamId, code: number): void;
  /** The peer asks us to stop sending. The transport resets nothing by itself. */
  stopSending(stream: StreamId, code: number): void;
  datagram(bytes: Uint8Array): void;
  /** `open` failed for want of credit and can succeed now. */
  credit(bidirectional: boolean): void;
  /** `backlogBytes` fell below the mark that `notifyBacklogBelow` set. */
  drained(): void;
  closed(info: CloseInfo): void;
}

/** One QUIC connection or WebTransport session, either end. Methods do nothing once it is closed. */
export interface Connection {
  readonly id: number;
  readonly peer: PeerInfo;
  /** Sets the receiver of events; events that came before are kept, bounded by flow control, and delivered first. */
  listen(events: ConnectionEvents): void;
  /**
   * Opens a stream, or returns null when the peer gives no credit; `credit` follows when it does.
   * `priority`: streams with a lower number go first (0 to 65535).
   */
  open(bidirectional: boolean, priority: number): StreamId | null;
  /** Queues bytes; all of them are accepted and counted in `backlogBytes`. `fin` ends the sending side. */
  write(stream: StreamId, bytes: SharedBytes, fin: boolean): void;
  /** Abandons the sending side: what is not delivered yet is lost. */
  reset(stream: StreamId, code: number): void;
  /** Asks the peer to stop sending; further data of the stream is discarded. */
  stopSending(stream: StreamId, code: number): void;
  setPriority(stream: StreamId, priority: number): void;
  /** Sends a datagram if it fits, and returns whether it was accepted. */
  datagram(bytes: SharedBytes): boolean;
  /** Bytes written that the peer has not acknowledged, receiver sets included. */
  backlogBytes(): number;
  /** Asks for one `drained` event as soon as the backlog is below `bytes`. */
  notifyBacklogBelow(bytes: number): void;
  /** Closes both directions at once; `closed` follows with `remote: false`. */
  close(code: number, reason: string): void;
}

/** What a receiver set tells its owner. */
export interface ReceiverSetEvents {
  /** The receiver did not get this group, or not all of it: its backlog was too large, or it had no stream credit. */
  missed(receiver: Connection, group: number): void;
  /** The receiver that missed something has less than the backlog limit outstanding again. Comes once after each run of misses. */
  drained(receiver: Connection): void;
}

/**
 * The subscribers of one track that receive identical bytes. The bytes of an object are handed over once however many
 * receivers there are; streams, priorities and FINs are made natively.
 *
 * `group` is the owner's own key for a stream per receiver (a subgroup), at most 2^53 - 1. All counts are per receiver.
 */
export interface ReceiverSet {
  /** Adds a receiver; it takes part from the next `open`. */
  add(receiver: Connection, subscriberPriority: number): void;
  setPriority(receiver: Connection, subscriberPriority: number): void;
  /** Takes a receiver out. Its open streams are reset with `resetCode`, or left to finish what is written when absent. Returns the number of streams opened for it. */
  remove(receiver: Connection, resetCode?: number): number;
  /**
   * Opens a stream at every receiver and writes `head`. A receiver whose backlog in this set is `ifBacklogBelow` bytes
   * or more is skipped, and `missed` tells so.
   */
  open(group: number, head: SharedBytes, options: { publisherPriority: number; ifBacklogBelow: number }): void;
  /** Writes to every receiver that has the group open; a receiver that missed one append of a group gets none after it. */
  append(group: number, body: SharedBytes, fin: boolean): void;
  /** Resets the group's stream at every receiver that has it open. */
  reset(group: number, code: number): void;
  /** Removes all receivers and forgets the set; streams are left to finish. */
  close(): void;
}

/** TLS material: PEM text. */
export interface Identity {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** Limits of a connection; each has its default in the implementation's documentation. */
export interface ConnectionLimits {
  /** Streams that the peer may have open at once: initial credit, and the ceiling that it grows to on demand. */
  readonly bidirectionalStreamsInitial: number;
  readonly bidirectionalStreamsMax: number;
  readonly unidirectionalStreamsInitial: number;
  readonly unidirectionalStreamsMax: number;
  /** Bytes in flight towards us per connection and per stream. */
  readonly connectionWindowBytes: number;
  readonly streamWindowBytes: number;
  /** Bytes written and not acknowledged, beyond which the connection is closed as too slow. */
  readonly backlogBytesMax: number;
  readonly keepAliveMs: number;
  readonly idleTimeoutMs: number;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly identity: Identity;
  /** Authorities that client certificates are judged by; none: every certificate has a `certificateError`. */
  readonly clientAuthoritiesPem?: string;
  /** In order of preference. */
  readonly protocols: readonly string[];
  readonly limits?: Partial<ConnectionLimits>;
  /** Called for each established connection. */
  accept(connection: Connection): void;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** A new certificate for connections made from now on. */
  reload(identity: Identity, clientAuthoritiesPem?: string): void;
  /** Refuses new connections; existing ones are not touched. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** `moqt://host:port/path` is raw QUIC, `https://host:port/path` is WebTransport. */
  readonly url: string;
  readonly protocols: readonly string[];
  /** Authorities that the server is judged by; absent: the system's. */
  readonly authoritiesPem?: string;
  /** SHA-256 of certificates that are accepted as they are (WebTransport's `serverCertificateHashes`). */
  readonly certificateHashes?: readonly Uint8Array[];
  /** Accepts any certificate: for tests and diagnosis only. */
  readonly insecure?: boolean;
  /** The client's own certificate. */
  readonly identity?: Identity;
  readonly limits?: Partial<ConnectionLimits>;
  /** Aborts the attempt. */
  readonly signal?: AbortSignal;
}

/** Makes connections. One instance owns its sockets and threads; closing it closes all of its connections. */
export interface Transport {
  listen(options: ListenOptions): Promise<Listener>;
  /** Resolves when the handshake is done; rejects with a TransportError that says why not. */
  connect(options: ConnectOptions): Promise<Connection>;
  /** A set whose receivers are connections of this transport. */
  receiverSet(events: ReceiverSetEvents): ReceiverSet;
  close(): Promise<void>;
}

/** A connection could not be made or a socket not be opened; `code` is stable, the message says what to do. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;
  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type TransportErrorCode =
  | 'address-in-use'
  | 'address-invalid'
  | 'certificate-invalid'
  | 'certificate-rejected'
  | 'protocol-mismatch'
  | 'permission-denied'
  | 'refused'
  | 'timed-out'
  | 'aborted'
  | 'closed'
  | 'unsupported'
  | 'internal';
