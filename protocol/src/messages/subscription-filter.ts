import { EncodeError, protocolViolation } from '../errors.js';
import type { SubscriptionFilter } from '../model/parameters.js';
import { add, subtract, VI64_MAX } from '../model/vi64.js';
import { readLocation, writeLocation } from '../wire/names.js';
import { Reader } from '../wire/reader.js';
import { Writer } from '../wire/writer.js';

const NEXT_GROUP_START = 0x1;
const LARGEST_OBJECT = 0x2;
const ABSOLUTE_START = 0x3;
const ABSOLUTE_RANGE = 0x4;

/** Decodes a Subscription Filter (draft-18 §5.1.2); throws PROTOCOL_VIOLATION. */
export function decodeFilter(bytes: Uint8Array): SubscriptionFilter {
  const reader = new Reader(bytes);
  const filter = decodeFields(reader);
  reader.finish('subscription filter');
  return filter;
}

/** Encodes a Subscription Filter; throws EncodeError if its end comes before its start. */
export function encodeFilter(filter: SubscriptionFilter): Uint8Array {
  const writer = new Writer(32);
  switch (filter.kind) {
    case 'next-group-start':
      writer.vi64(NEXT_GROUP_START);
      break;
    case 'largest-object':
      writer.vi64(LARGEST_OBJECT);
      break;
    case 'absolute-start':
      writer.vi64(ABSOLUTE_START);
      writeLocation(writer, filter.start);
      break;
    case 'absolute-range':
      if (filter.endGroup < filter.start.group) {
        throw new EncodeError(`filter ends with group ${filter.endGroup}, before its start ${filter.start.group}`);
      }
      writer.vi64(ABSOLUTE_RANGE);
      writeLocation(writer, filter.start);
      writer.vi64(subtract(filter.endGroup, filter.start.group));
  }
  return writer.finish();
}

function decodeFields(reader: Reader): SubscriptionFilter {
  const type = reader.vi64();
  switch (type) {
    case NEXT_GROUP_START:
      return { kind: 'next-group-start' };
    case LARGEST_OBJECT:
      return { kind: 'largest-object' };
    case ABSOLUTE_START:
      return { kind: 'absolute-start', start: readLocation(reader) };
    case ABSOLUTE_RANGE: {
      const start = readLocation(reader);
      const endGroup = add(start.group, reader.vi64());
      if (endGroup > VI64_MAX) throw protocolViolation(`end group ${endGroup} is above 2^64 - 1`);
      return { kind: 'absolute-range', start, endGroup };
    }
    default:
      throw protocolViolation(`filter type ${type} is unknown`);
  }
}
