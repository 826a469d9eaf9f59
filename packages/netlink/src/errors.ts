/** What the kernel said, by what the caller does about it. */
export type NetlinkErrorCode =
  /** ERESTART: the ruleset is not of the generation that was named. Nothing was applied: read again, plan again. */
  | 'generation-changed'
  /** EEXIST: an element or set is there already, or an interval overlaps another. Nothing was applied: read again. */
  | 'exists'
  /** ENOENT: the table, set, chain or element is not there. Nothing was applied: read again. */
  | 'not-found'
  /** EMSGSIZE: more than one send can carry. Nothing was applied: use smaller batches. */
  | 'too-large'
  /** ENOBUFS, ENOMEM: the kernel lacks memory, or an answer was lost. Read again before the next attempt. */
  | 'no-memory'
  /** EPERM: the process lacks CAP_NET_ADMIN in its network namespace. */
  | 'not-permitted'
  /** EINTR, EBUSY, EAGAIN: the ruleset changed faster than it could be read, or is in use. Try again later. */
  | 'busy'
  /** EOPNOTSUPP, EPROTONOSUPPORT: this kernel lacks the feature. */
  | 'not-supported'
  /** Anything else: a request that is wrong in itself. */
  | 'refused';

const CODES: Readonly<Record<number, NetlinkErrorCode>> = {
  1: 'not-permitted',
  2: 'not-found',
  4: 'busy',
  11: 'busy',
  12: 'no-memory',
  13: 'not-permitted',
  16: 'busy',
  17: 'exists',
  85: 'generation-changed',
  90: 'too-large',
  93: 'not-supported',
  95: 'not-supported',
  105: 'no-memory',
};

/** The kernel refused a request, or could not be asked; the request changed nothing. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly code: NetlinkErrorCode;
  /** Linux error number; 0 if the kernel's answer was not understood. */
  readonly errno: number;
  /** Index of the operation that failed, where the kernel named one. */
  readonly operation: number | null;
  constructor(errno: number, operation: number | null, message: string) {
    super(message);
    this.code = CODES[errno] ?? 'refused';
    this.errno = errno;
    this.operation = operation;
  }
}

/** The native addon is not there, or does not fit this machine; the message says what to do. */
export class AddonError extends Error {
  override readonly name = 'AddonError';
  readonly code = 'addon-missing';
}
