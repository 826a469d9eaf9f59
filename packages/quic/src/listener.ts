import type { Connection, Identity, Listener, ListenOptions } from '@higgins/transport';
import { translate } from './errors.js';
import { quicLimits } from './limits.js';
import type { NativeListener, NativeReload, NativeTransport } from './native.js';

/** A UDP port that takes connections. */
export class QuicListener implements Listener {
  readonly host: string;
  readonly port: number;
  readonly #id: number;
  readonly #native: NativeTransport;
  readonly #options: ListenOptions;
  readonly #forget: () => void;
  #closed = false;

  constructor(native: NativeTransport, listener: NativeListener, options: ListenOptions, forget: () => void) {
    this.#native = native;
    this.#id = listener.id;
    this.#options = options;
    this.#forget = forget;
    this.host = listener.address;
    this.port = listener.port;
  }

  accept(connection: Connection): void {
    this.#options.accept(connection);
  }

  reload(identity: Identity, clientAuthoritiesPem?: string): void {
    if (this.#closed) return;
    translate(() => this.#native.reload(this.#id, QuicListener.native(this.#options, identity, clientAuthoritiesPem)));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#native.closeListener(this.#id);
  }

  /** The options as the addon takes them. */
  static native(options: ListenOptions, identity: Identity, clientAuthoritiesPem: string | undefined): NativeReload {
    return {
      certificatePem: identity.certificatePem,
      privateKeyPem: identity.privateKeyPem,
      ...(clientAuthoritiesPem === undefined ? {} : { clientAuthoritiesPem }),
      protocols: options.protocols,
      limits: quicLimits(options.limits),
    };
  }
}
