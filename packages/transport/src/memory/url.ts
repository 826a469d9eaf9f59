import { TransportError } from '../transport.js';

/** What a URL says to the in-memory network. */
export interface MemoryUrl {
  /** The name of the host; that of the caller for `localhost` and its like. */
  readonly host: string;
  readonly port: number;
  /** `host:port` as written. */
  readonly address: string;
  /** Empty for `moqt:`, as on raw QUIC. */
  readonly authority: string;
  readonly path: string;
}

const URL_FORM = /^(moqt|https):\/\/(\[[0-9A-Fa-f:.]+\]|[^:/?#\s]+)(?::(\d{1,5}))?(\/[^\s]*)?$/;
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const PORT_DEFAULT = 443;

/** Throws a TransportError (`address-invalid`) unless the URL has the form `moqt://host:port/path` or `https://…`. */
export function parseUrl(url: string, ownHost: string): MemoryUrl {
  const match = URL_FORM.exec(url);
  const port = Number(match?.[3] ?? PORT_DEFAULT);
  if (match === null || port > 65_535) {
    throw new TransportError(
      'address-invalid',
      `url is ${url}, expected moqt://host:port/path or https://host:port/path`,
    );
  }
  const host = match[2]!;
  const address = `${host}:${port}`;
  const overHttp = match[1] === 'https';
  return {
    host: LOOPBACK.includes(host) ? ownHost : host,
    port,
    address,
    authority: overHttp ? address : '',
    path: overHttp ? (match[4] ?? '/') : '',
  };
}
