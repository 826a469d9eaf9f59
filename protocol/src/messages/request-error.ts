import { EncodeError, RequestErrorCode } from '../errors.js';
import { SESSION_URI_BYTES_MAX } from '../limits.js';
import type { RequestErrorInfo } from '../model/requests.js';
import { readFullTrackName, writeFullTrackName } from '../wire/names.js';
import type { Reader } from '../wire/reader.js';
import { exactText, readReasonPhrase, utf8, writeReasonPhrase } from '../wire/text.js';
import type { MessageCodec } from './message.js';

/**
 * REQUEST_ERROR (draft-18 §10.6): the request, or the update, failed. On the wire the retry interval is one more than
 * the milliseconds, so that 0 can mean "do not retry". An `error.code` of null is written as INTERNAL_ERROR.
 */
export interface RequestErrorMessage {
  readonly kind: 'request-error';
  readonly error: RequestErrorInfo;
}

/** How REQUEST_ERROR is serialized. */
export const requestError: MessageCodec<RequestErrorMessage> = {
  kind: 'request-error',
  code: 0x5,
  encode(writer, { error }) {
    writer.vi64(error.code ?? RequestErrorCode.INTERNAL_ERROR);
    writer.vi64(error.retryIntervalMs === null ? 0 : error.retryIntervalMs + 1);
    writeReasonPhrase(writer, error.reason);
    if ((error.code === RequestErrorCode.REDIRECT) !== (error.redirect !== undefined)) {
      throw new EncodeError('a redirect belongs to error code REDIRECT and to no other');
    }
    if (error.redirect === undefined) return;
    writer.lengthPrefixed(utf8(error.redirect.connectUri));
    writeFullTrackName(writer, error.redirect.name);
  },
  decode(reader) {
    const code = reader.saturated();
    const retry = reader.saturated();
    const error: RequestErrorInfo = {
      code,
      retryIntervalMs: retry === 0 ? null : retry - 1,
      reason: readReasonPhrase(reader),
      ...(code === RequestErrorCode.REDIRECT && { redirect: readRedirect(reader) }),
    };
    return { kind: 'request-error', error };
  },
};

function readRedirect(reader: Reader): NonNullable<RequestErrorInfo['redirect']> {
  const connectUri = exactText(reader.lengthPrefixed(SESSION_URI_BYTES_MAX, 'connect uri'), 'connect uri');
  return { connectUri, name: readFullTrackName(reader) };
}
