import type { AuthorizationToken, FullTrackName, TrackNamespace } from '@higgins/protocol';

/** Who asks: what the transport proved and what the session brought along. */
export interface Principal {
  /** DER of the certificate that the configured authorities vouch for, or null. */
  readonly certificate: Uint8Array | null;
  /** Why there is none, or why it is not trusted; null if it is. */
  readonly certificateError: string | null;
  /** Tokens of the SETUP message. */
  readonly tokens: readonly AuthorizationToken[];
}

/** Yes, or the REQUEST_ERROR code and reason to answer with. */
export type Decision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly code: number; readonly reason: string };

/** Decides per request. Answers at once; what has to be looked up is looked up before the request is admitted. */
export interface Authorizer {
  /** Whether the session is let in at all. */
  authorizeSession(principal: Principal): Decision;
  /**
   * Whether objects may come from this peer: of the one track `name`, or of every track under `namespace` if that is
   * null. The one does not follow from the other (draft-18 §9.5).
   */
  authorizePublish(
    principal: Principal,
    namespace: TrackNamespace,
    name: Uint8Array | null,
    tokens: readonly AuthorizationToken[],
  ): Decision;
  /** Whether objects of the track may go to this peer, live or from the cache. */
  authorizeSubscribe(principal: Principal, track: FullTrackName, tokens: readonly AuthorizationToken[]): Decision;
  /** Whether this peer may learn which namespaces and tracks are published under a prefix (draft-18 §10.18, §10.19). */
  authorizeDiscovery(principal: Principal, prefix: TrackNamespace, tokens: readonly AuthorizationToken[]): Decision;
}

const ALLOWED: Decision = { allowed: true };
const UNAUTHORIZED = 0x1;

/** Lets in whoever shows a certificate of the configured authorities; inside, everything is allowed. */
export const requireCertificate: Authorizer = {
  authorizeSession: ({ certificateError }) =>
    certificateError === null
      ? ALLOWED
      : {
          allowed: false,
          code: UNAUTHORIZED,
          reason: `relay demands a client certificate of an authority that it trusts: ${certificateError}`,
        },
  authorizePublish: () => ALLOWED,
  authorizeSubscribe: () => ALLOWED,
  authorizeDiscovery: () => ALLOWED,
};

/** Lets everyone do everything. */
export const allowAnyone: Authorizer = {
  authorizeSession: () => ALLOWED,
  authorizePublish: () => ALLOWED,
  authorizeSubscribe: () => ALLOWED,
  authorizeDiscovery: () => ALLOWED,
};
