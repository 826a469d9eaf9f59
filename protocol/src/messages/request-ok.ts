import { EncodeError, protocolViolation } from '../errors.js';
import type { MessageCodec } from './message.js';
import { type MessageParameters, readParameters, writeParameters } from './parameters.js';
import { readTrackProperties, type WithTrackProperties, writeTrackProperties } from './track-properties.js';

/** What a REQUEST_OK holds; for a PUBLISH, the parameters of the subscription that it makes. */
export type RequestOkFields = MessageParameters & WithTrackProperties;

/**
 * REQUEST_OK (draft-18 §10.5): the answer to every request that has no response message of its own. Which one it
 * answers follows from the stream.
 */
export interface RequestOkMessage {
  readonly kind: 'request-ok';
  readonly ok: RequestOkFields;
}

/** How REQUEST_OK is serialized. */
export const requestOk: MessageCodec<RequestOkMessage> = {
  kind: 'request-ok',
  code: 0x7,
  // The draft's table has a code of its own for PUBLISH_OK, which its text does not use.
  aliases: [0x1e],
  encode(writer, { ok }, parameters, context) {
    if (ok.trackProperties !== undefined && context.okScope !== 'track-status-ok') {
      throw new EncodeError(`track properties are not allowed in ${context.okScope}`);
    }
    writeParameters(writer, parameters, context.okScope, ok);
    writeTrackProperties(writer, ok);
  },
  decode(reader, parameters, context) {
    const values = readParameters(reader, parameters, context.okScope);
    if (reader.remaining > 0 && context.okScope !== 'track-status-ok') {
      throw protocolViolation(`track properties are not allowed in ${context.okScope}`);
    }
    return { kind: 'request-ok', ok: { ...values, ...readTrackProperties(reader) } };
  },
};
