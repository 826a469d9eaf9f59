/**
 * What is used of the W3C WebTransport interface (https://www.w3.org/TR/webtransport/). The browser's own object has
 * it, and so has any other of that shape.
 */
export interface W3cWebTransport {
  readonly ready: Promise<unknown>;
  readonly closed: Promise<{ readonly closeCode?: number; readonly reason?: string } | undefined>;
  /** The application protocol that the server chose; empty or absent if it chose none. */
  readonly protocol?: string;
  readonly incomingBidirectionalStreams: W3cReadable<W3cDuplex>;
  readonly incomingUnidirectionalStreams: W3cReadable<W3cReadable<Uint8Array>>;
  readonly datagrams: W3cDatagrams;
  createBidirectionalStream(options?: W3cSendOptions): Promise<W3cDuplex>;
  createUnidirectionalStream(options?: W3cSendOptions): Promise<W3cWritable>;
  close(info?: { closeCode?: number; reason?: string }): void;
}

/** Makes sessions: `globalThis.WebTransport`. */
export type W3cWebTransportConstructor = new (url: string, options: W3cConnectOptions) => W3cWebTransport;

/**
 * Makes errors that carry a code to the peer: `globalThis.WebTransportError`. Chromium has the older form, with one
 * argument.
 */
export type W3cErrorConstructor = new (...args: readonly unknown[]) => Error;

/** An error that gives a stream its code. */
export function streamError(WebTransportError: W3cErrorConstructor, code: number): Error {
  try {
    return new WebTransportError('', { source: 'stream', streamErrorCode: code });
  } catch {
    return new WebTransportError({ message: '', streamErrorCode: code });
  }
}

export interface W3cConnectOptions {
  readonly protocols: readonly string[];
  readonly serverCertificateHashes?: readonly { readonly algorithm: 'sha-256'; readonly value: Uint8Array }[];
  readonly requireUnreliable: boolean;
}

export interface W3cSendOptions {
  /** Streams with a higher number go first. */
  readonly sendOrder: number;
  /** Whether to wait for the peer's stream credit instead of failing for want of it. */
  readonly waitUntilAvailable: boolean;
}

export interface W3cDatagrams {
  readonly readable: W3cReadable<Uint8Array>;
  /** Older browsers have the property, newer ones the method. */
  readonly writable?: W3cWritable;
  createWritable?(): W3cWritable;
  readonly maxDatagramSize: number;
}

export interface W3cDuplex {
  readonly readable: W3cReadable<Uint8Array>;
  readonly writable: W3cWritable;
}

export interface W3cReadable<Item> {
  getReader(): W3cReader<Item>;
}

export interface W3cReader<Item> {
  read(): Promise<{ readonly done: boolean; readonly value?: Item | undefined }>;
  cancel(reason?: unknown): Promise<unknown>;
}

export interface W3cWritable {
  sendOrder?: number;
  getWriter(): W3cWriter;
}

export interface W3cWriter {
  /** Rejects when the peer asks to stop. */
  readonly closed: Promise<unknown>;
  write(bytes: Uint8Array): Promise<unknown>;
  /** Resolves once everything that was written is acknowledged. */
  close(): Promise<unknown>;
  abort(reason?: unknown): Promise<unknown>;
}

/** The code that the peer gave a stream, or null if the failure is another. */
export function streamCodeOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null) return null;
  const { source, streamErrorCode } = error as { source?: unknown; streamErrorCode?: unknown };
  return source === 'stream' && typeof streamErrorCode === 'number' ? streamErrorCode : null;
}
