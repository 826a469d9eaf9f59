/** `server`: the list of servers holds something else than addresses; all others: what was last found. */
export type ResolutionErrorCode = 'server' | 'no-answer' | 'busy';

/** A name could not be resolved; what was known of it stays. The message names each server that was asked, and its reason. */
export class ResolutionError extends Error {
  override readonly name = 'ResolutionError';
  readonly code: ResolutionErrorCode;

  constructor(code: ResolutionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
