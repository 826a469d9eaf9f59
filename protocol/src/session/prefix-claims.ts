import { RequestError, RequestErrorCode } from '../errors.js';
import { hasPrefix, type TrackNamespace } from '../model/names.js';
import type { RequestId } from './contract.js';

/** A prefix that a request has, or has asked for in an update. */
export interface PrefixClaim {
  readonly owner: RequestId;
  readonly prefix: TrackNamespace;
}

/**
 * The prefixes of one kind of namespace subscription of the peer's: no two requests may have prefixes of which one is
 * the beginning of the other (draft-18 §10.18, §10.19, §10.9.2). Requests without an answer count, since either could
 * be accepted.
 */
export class PrefixClaims {
  readonly #max: number;
  readonly #claims = new Set<PrefixClaim>();

  /** `max`: claims at once; each new one is compared with all of them. */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#claims.size;
  }

  /** Throws RequestError: PREFIX_OVERLAP, or EXCESSIVE_LOAD if there are too many. */
  claim(owner: RequestId, prefix: TrackNamespace): PrefixClaim {
    for (const other of this.#claims) {
      if (other.owner === owner || !overlap(other.prefix, prefix)) continue;
      throw new RequestError(RequestErrorCode.PREFIX_OVERLAP, `prefix overlaps with that of request ${other.owner}`);
    }
    if (this.#claims.size >= this.#max) {
      throw new RequestError(RequestErrorCode.EXCESSIVE_LOAD, `${this.#claims.size} prefixes are subscribed to`, 1000);
    }
    const claim: PrefixClaim = { owner, prefix };
    this.#claims.add(claim);
    return claim;
  }

  release(claim: PrefixClaim): void {
    this.#claims.delete(claim);
  }

  clear(): void {
    this.#claims.clear();
  }
}

function overlap(a: TrackNamespace, b: TrackNamespace): boolean {
  return hasPrefix(a, b) || hasPrefix(b, a);
}
