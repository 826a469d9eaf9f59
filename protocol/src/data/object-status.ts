import { protocolViolation } from '../errors.js';
import type { ObjectStatus } from '../model/objects.js';
import type { Vi64 } from '../model/vi64.js';

const CODES: Readonly<Record<ObjectStatus, number>> = { normal: 0x0, 'end-of-group': 0x3, 'end-of-track': 0x4 };

/** The code of an Object Status (draft-18 §11.2.1.1). */
export function statusCode(status: ObjectStatus): number {
  return CODES[status];
}

/** The Object Status of a code; unknown ones are a PROTOCOL_VIOLATION. */
export function statusOf(code: Vi64): ObjectStatus {
  switch (code) {
    case CODES.normal:
      return 'normal';
    case CODES['end-of-group']:
      return 'end-of-group';
    case CODES['end-of-track']:
      return 'end-of-track';
    default:
      throw protocolViolation(`object status is ${code}, expected 0, 3 or 4`);
  }
}
