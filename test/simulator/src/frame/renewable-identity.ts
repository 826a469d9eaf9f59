import { type Identity, type MemoryCertificate, memoryIdentity } from '@higgins/transport';

/** A node's certificate as its processes read it at each handshake: it can expire and be renewed while they run. */
export class RenewableIdentity implements Identity {
  readonly #certificate: MemoryCertificate;
  #current: Identity;

  constructor(certificate: MemoryCertificate) {
    this.#certificate = certificate;
    this.#current = memoryIdentity(certificate);
  }

  get certificatePem(): string {
    return this.#current.certificatePem;
  }

  get privateKeyPem(): string {
    return this.#current.privateKeyPem;
  }

  /** Its time ends, by a correct clock, at `wallMs`. */
  expire(wallMs: number): void {
    this.#current = memoryIdentity({ ...this.#certificate, notAfterMs: wallMs });
  }

  renew(): void {
    this.#current = memoryIdentity(this.#certificate);
  }
}
