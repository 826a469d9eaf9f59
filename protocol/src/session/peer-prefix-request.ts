import { StreamResetCode } from '../errors.js';
import { hasPrefix, suffixOf, type TrackNamespace } from '../model/names.js';
import type { RequestOk } from './contract.js';
import { type OpenedRequest, PeerRequest } from './peer-request.js';
import type { PrefixClaim, PrefixClaims } from './prefix-claims.js';
import type { SessionState } from './state.js';
import type { ResolvedParameters } from './tokens.js';

/**
 * A request of the peer's about all that lies under a prefix, which updates may change; FIN and reset of its stream both
 * end it (draft-18 §6.1, §10.9.2).
 */
export abstract class PeerPrefixRequest extends PeerRequest {
  readonly #claims: PrefixClaims;
  #claim: PrefixClaim;
  /** What each update without a response asks for; null: it leaves the prefix alone. */
  readonly #asked: (PrefixClaim | null)[] = [];

  /** Throws RequestError if the prefix is not to be had. */
  constructor(
    state: SessionState,
    opened: OpenedRequest,
    kind: 'subscribe-namespace' | 'subscribe-tracks',
    claims: PrefixClaims,
    prefix: TrackNamespace,
  ) {
    const claim = claims.claim(opened.id, prefix);
    super(state, opened, kind);
    this.#claims = claims;
    this.#claim = claim;
  }

  get prefix(): TrackNamespace {
    return this.#claim.prefix;
  }

  acceptRequest(ok: RequestOk): void {
    this.accept({ kind: 'request-ok', ok });
  }

  override acceptUpdate(ok: RequestOk): void {
    super.acceptUpdate(ok);
    const asked = this.#asked.shift() ?? null;
    if (asked === null) return;
    this.#claims.release(this.#claim);
    this.#claim = asked;
    this.prefixChanged();
  }

  override updated({ namespacePrefix }: ResolvedParameters): void {
    this.#asked.push(namespacePrefix === undefined ? null : this.#claims.claim(this.id, namespacePrefix));
  }

  /** What follows the prefix in `namespace`; throws RangeError if that does not start with it. */
  protected suffixOf(namespace: TrackNamespace): TrackNamespace {
    if (hasPrefix(namespace, this.prefix)) return suffixOf(namespace, this.prefix);
    throw new RangeError(`namespace does not start with the prefix of request ${this.id}`);
  }

  protected prefixChanged(): void {}

  protected override finished(): void {
    if (!this.answered) this.cancelled(StreamResetCode.CANCELLED);
    else {
      this.#close();
      this.state.notice({ kind: 'cancelled', request: this.id, code: StreamResetCode.CANCELLED });
    }
  }

  /** Draft-18 §10.9.1. */
  protected override updateRejected(): void {
    this.#close();
  }

  protected override dispose(): void {
    this.#claims.release(this.#claim);
    for (const claim of this.#asked) if (claim !== null) this.#claims.release(claim);
  }

  #close(): void {
    this.state.actions.fin(this.stream);
    this.forget(StreamResetCode.CANCELLED);
  }
}
