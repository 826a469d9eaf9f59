import { protocolViolation } from '../errors.js';
import type { FetchRange } from '../model/requests.js';
import type { Vi64 } from '../model/vi64.js';
import { readFullTrackName, readLocation, writeFullTrackName, writeLocation } from '../wire/names.js';
import type { Reader } from '../wire/reader.js';
import type { Writer } from '../wire/writer.js';
import type { MessageCodec } from './message.js';
import { type MessageParameters, readParameters, writeParameters } from './parameters.js';

/**
 * FETCH (draft-18 §10.12): asks for objects that were already published. A `range.subscription` above 2^53 - 1 is read
 * as 2^53 - 1, which is no Request ID that a session accepts.
 */
export interface FetchMessage {
  readonly kind: 'fetch';
  readonly requestId: Vi64;
  readonly range: FetchRange;
  readonly parameters: MessageParameters;
}

const STANDALONE = 0x1;
const RELATIVE_JOINING = 0x2;
const ABSOLUTE_JOINING = 0x3;

/** How FETCH is serialized. */
export const fetch: MessageCodec<FetchMessage> = {
  kind: 'fetch',
  code: 0x16,
  encode(writer, message, parameters) {
    writer.vi64(message.requestId);
    writeRange(writer, message.range);
    writeParameters(writer, parameters, 'fetch', message.parameters);
  },
  decode(reader, parameters) {
    return {
      kind: 'fetch',
      requestId: reader.vi64(),
      range: readRange(reader),
      parameters: readParameters(reader, parameters, 'fetch'),
    };
  },
};

function writeRange(writer: Writer, range: FetchRange): void {
  if (range.kind === 'standalone') {
    writer.vi64(STANDALONE);
    writeFullTrackName(writer, range.name);
    writeLocation(writer, range.start);
    writeLocation(writer, range.end);
    return;
  }
  const relative = range.kind === 'relative-joining';
  writer.vi64(relative ? RELATIVE_JOINING : ABSOLUTE_JOINING);
  writer.vi64(range.subscription);
  writer.vi64(relative ? range.groupsBack : range.startGroup);
}

function readRange(reader: Reader): FetchRange {
  const type = reader.vi64();
  switch (type) {
    case STANDALONE:
      return {
        kind: 'standalone',
        name: readFullTrackName(reader),
        start: readLocation(reader),
        end: readLocation(reader),
      };
    case RELATIVE_JOINING:
      return { kind: 'relative-joining', subscription: reader.saturated(), groupsBack: reader.vi64() };
    case ABSOLUTE_JOINING:
      return { kind: 'absolute-joining', subscription: reader.saturated(), startGroup: reader.vi64() };
    default:
      throw protocolViolation(`fetch type is ${type}, expected 1, 2 or 3`);
  }
}
