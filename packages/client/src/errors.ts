/** The value was refused before it left the publisher; nothing was committed. Correct the value, do not retry it. */
export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly code: PublishErrorCode;
  constructor(code: PublishErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type PublishErrorCode =
  | 'schema-invalid'
  | 'too-large'
  | 'name-invalid'
  | 'ttl-out-of-range'
  | 'wrong-shape'
  | 'out-of-scope'
  | 'closed';

/** The writer has no right to go on under an epoch: its clock or store is wrong, or another writer took over. */
export class EpochError extends Error {
  override readonly name = 'EpochError';
  readonly code: 'epoch-refused' | 'fenced';
  constructor(code: 'epoch-refused' | 'fenced', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A file of ours could not be written, or what was read is not what was written. Nothing was published. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: 'corrupt' | 'write-failed' | 'read-failed';
  constructor(code: 'corrupt' | 'write-failed' | 'read-failed', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The subscription is over and does not come back by itself. `remoteCode`: the peer's own code, null if there is none. */
export class SubscriptionError extends Error {
  override readonly name = 'SubscriptionError';
  readonly code: 'refused' | 'queue-full' | 'closed';
  readonly remoteCode: number | null;
  constructor(code: 'refused' | 'queue-full' | 'closed', message: string, remoteCode: number | null = null) {
    super(message);
    this.code = code;
    this.remoteCode = remoteCode;
  }
}
