import { EncodeError, protocolViolation } from '../errors.js';
import { MESSAGE_BYTES_MAX } from '../limits.js';
import type { Location } from '../model/location.js';
import type { TrackNamespace } from '../model/names.js';
import type { GroupOrder, SubscriptionFilter } from '../model/parameters.js';
import type { Vi64 } from '../model/vi64.js';
import { readLocation, readNamespace, writeLocation, writeNamespace } from '../wire/names.js';
import type { Reader } from '../wire/reader.js';
import type { Writer } from '../wire/writer.js';
import { decodeToken, encodeToken, type Token } from './authorization-token.js';
import { decodeFilter, encodeFilter } from './subscription-filter.js';

/** How the value of a Message Parameter stands on the wire (draft-18 §10.2). */
export interface ParameterEncoding<Value> {
  read(reader: Reader): Value;
  write(writer: Writer, value: Value): void;
}

/** varint */
export const varint: ParameterEncoding<Vi64> = {
  read: (reader) => reader.vi64(),
  write: (writer, value) => writer.vi64(value),
};

/** uint8: 0 to 255. */
export const uint8: ParameterEncoding<number> = {
  read: (reader) => reader.uint8(),
  write(writer, value) {
    if (!Number.isInteger(value) || value < 0 || value > 255) {
      throw new EncodeError(`parameter has value ${value}, expected 0 to 255`);
    }
    writer.uint8(value);
  },
};

/** uint8 of 0 or 1; anything else is a PROTOCOL_VIOLATION. */
export const flag: ParameterEncoding<boolean> = {
  read(reader) {
    const value = reader.uint8();
    if (value > 1) throw protocolViolation(`parameter has value ${value}, expected 0 or 1`);
    return value === 1;
  },
  write: (writer, value) => writer.uint8(value ? 1 : 0),
};

/** uint8 of 1 (ascending) or 2 (descending); anything else is a PROTOCOL_VIOLATION. */
export const order: ParameterEncoding<GroupOrder> = {
  read(reader) {
    const value = reader.uint8();
    if (value !== 1 && value !== 2) throw protocolViolation(`group order is ${value}, expected 1 or 2`);
    return value === 1 ? 'ascending' : 'descending';
  },
  write: (writer, value) => writer.uint8(value === 'ascending' ? 1 : 2),
};

/** Location: two varints. */
export const location: ParameterEncoding<Location> = { read: readLocation, write: writeLocation };

/** Track Namespace (draft-18 §2.4.1). */
export const namespace: ParameterEncoding<TrackNamespace> = { read: readNamespace, write: writeNamespace };

/** Length-prefixed Token structure (draft-18 §10.2.2). */
export const token: ParameterEncoding<Token> = {
  read: (reader) => decodeToken(reader.lengthPrefixed(MESSAGE_BYTES_MAX, 'authorization token')),
  write: (writer, value) => writer.lengthPrefixed(encodeToken(value)),
};

/** Length-prefixed Subscription Filter (draft-18 §5.1.2). */
export const filter: ParameterEncoding<SubscriptionFilter> = {
  read: (reader) => decodeFilter(reader.lengthPrefixed(MESSAGE_BYTES_MAX, 'subscription filter')),
  write: (writer, value) => writer.lengthPrefixed(encodeFilter(value)),
};
