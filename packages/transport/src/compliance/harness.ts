import type { Identity, Listener, Transport } from '../transport.js';

/** What an implementation can do; cases that need more are to be skipped by name. */
export interface ComplianceCapabilities {
  /** The server's transport can listen. A browser's cannot: the harness brings another implementation as the server. */
  readonly listen: boolean;
  /** The client can show a certificate, and the server sees it. */
  readonly mutualTls: boolean;
  /** The client can be told to accept any certificate (a browser cannot). */
  readonly insecure: boolean;
  /** A failed attempt tells its cause (a browser tells that it failed, which counts as refused). */
  readonly failureCauses: boolean;
  /** Streams can be reset with any code of 32 bits (Chromium's WebTransport has 8). */
  readonly wideResetCodes: boolean;
  /** The priority of a stream that is under way can be changed (Chromium ignores `sendOrder` then). */
  readonly priorityChanges: boolean;
  readonly datagrams: boolean;
  /** The server side can be silenced without a farewell: `Harness.silence`. */
  readonly silence: boolean;
  /** The server can state all of ConnectionLimits. */
  readonly serverLimits: boolean;
  /** Both sides can, and the client sees what the peer's limits leave it (a browser does neither). */
  readonly limits: boolean;
}

/** Certificates for the cases; made for the occasion. */
export interface ComplianceIdentities {
  /** The server's, valid for the host that the harness listens on. */
  readonly server: Identity;
  /** Another certificate for the same host, from the same authority. */
  readonly serverRenewed: Identity;
  /** The authority of `server`, `serverRenewed`, `client` and `clientExpired`. */
  readonly authoritiesPem: string;
  /** An authority that issued none of them but `clientUnknown`. */
  readonly otherAuthoritiesPem: string;
  readonly client: Identity;
  readonly clientExpired: Identity;
  readonly clientUnknown: Identity;
}

/** What a case works with; made anew for each case, and disposed of after it. */
export interface ComplianceHarness {
  readonly capabilities: ComplianceCapabilities;
  readonly identities: ComplianceIdentities;
  /** Where servers of the cases listen. */
  readonly host: string;
  /** The protocols that a connection is made with. */
  readonly protocols: readonly string[];
  /** A transport for the client side; the same one at each call. */
  readonly client: Transport;
  /** A transport for the server side; another than `client`. */
  readonly server: Transport;
  /** The URL by which a client reaches the listener. */
  url(listener: Listener): string;
  /** A URL of the same host at which nobody listens. */
  deadUrl(): string;
  /** A signal and what aborts it, as AbortController makes them. */
  abortable(): { readonly signal: AbortSignal; abort(): void };
  /**
   * Resolves once the condition holds; rejects, naming `what`, if it does not within the harness's bound. A virtual
   * harness steps its world; a real one looks again at each turn of its event loop.
   */
  waitFor(condition: () => boolean, what: string): Promise<void>;
  /** The outcome of a promise of the transport's, within the harness's bound. */
  settle<Value>(promise: Promise<Value>): Promise<Value>;
  /** Makes the server's side fall silent at once, as a machine that lost power does. */
  silence(): void;
}

/** One thing that every implementation does alike. */
export interface ComplianceCase {
  readonly name: string;
  /** What the implementation must be able to do for it. */
  readonly requires: readonly (keyof ComplianceCapabilities)[];
  /** Rejects with a ComplianceError, or with what the transport threw, if the implementation is at fault. */
  run(harness: ComplianceHarness): Promise<void>;
}

/** An implementation did not do what the case expects. */
export class ComplianceError extends Error {
  override readonly name = 'ComplianceError';
}

/** Throws a ComplianceError unless the condition holds. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ComplianceError(message);
}

/** The code of a failed attempt, as far as the client can know it. */
export function knownCause({ capabilities }: ComplianceHarness, code: string): string {
  return capabilities.failureCauses ? code : 'refused';
}

/** Throws a ComplianceError unless both are equal as JSON. */
export function checkEqual(actual: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  check(left === right, `${what} is ${left}, expected ${right}`);
}
