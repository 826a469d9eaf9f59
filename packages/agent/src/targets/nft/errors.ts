/** Why a change did not come about; the last good state is still in force. */
export type NftErrorCode =
  /** The agent has to be given a right; trying again does not help. */
  | 'not-permitted'
  /** nft has to be installed. */
  | 'nft-missing'
  /** nft or the kernel refused the change. */
  | 'refused'
  /** Others changed the ruleset faster than the change could be planned; it is tried again with the next verification. */
  | 'contended'
  /** What nft reads back is not what was written. */
  | 'read-back-differs';

/** The nft target could not do what was asked; nothing of a refused transaction is in force. */
export class NftError extends Error {
  override readonly name = 'NftError';
  readonly code: NftErrorCode;
  constructor(code: NftErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** The one sentence for a missing right. */
  static notPermitted(options?: ErrorOptions): NftError {
    return new NftError(
      'not-permitted',
      'nft: operation not permitted: the agent needs CAP_NET_ADMIN in its network namespace (run it as root, or give its service AmbientCapabilities=CAP_NET_ADMIN)',
      options,
    );
  }
}
