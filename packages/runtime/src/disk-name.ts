/** `name-invalid`: the caller passed a bad name. `write-failed`, `read-failed`: the medium refused; `cause` says why. */
export type DiskErrorCode = 'name-invalid' | 'read-failed' | 'write-failed';

/** A file could not be read or written; what was there before is untouched. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: DiskErrorCode;
  constructor(code: DiskErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Bytes of one segment of a name: common file systems refuse 256 and more. */
const SEGMENT_BYTES_MAX = 200;
/** Characters of a whole name; with the directory before it, it stays below the usual path limit of 4096 bytes. */
const NAME_LENGTH_MAX = 1024;

/** What a segment may hold: letters that every file system keeps apart from its own syntax. */
const SEGMENT = /^[A-Za-z0-9_=@%+~,:-][A-Za-z0-9._=@%+~,:-]*$/;

/**
 * Throws a DiskError (`name-invalid`) unless `name` is relative, `/`-separated, and made of segments that do not start
 * with a dot: segments that do are the implementation's own, such as temporary files.
 */
export function assertDiskName(name: string): void {
  if (name.length === 0 || name.length > NAME_LENGTH_MAX) {
    throw new DiskError('name-invalid', `file name has ${name.length} characters, expected 1 to ${NAME_LENGTH_MAX}`);
  }
  for (const segment of name.split('/')) {
    if (segment.length > SEGMENT_BYTES_MAX || !SEGMENT.test(segment)) {
      throw new DiskError(
        'name-invalid',
        `file name ${JSON.stringify(name)} has the segment ${JSON.stringify(segment)}, ` +
          `expected 1 to ${SEGMENT_BYTES_MAX} of A-Z a-z 0-9 . _ = @ % + ~ , : - without a leading dot`,
      );
    }
  }
}
