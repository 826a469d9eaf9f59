import { type PublishDone, STREAM_COUNT_UNKNOWN } from '../model/requests.js';
import { readReasonPhrase, writeReasonPhrase } from '../wire/text.js';
import type { MessageCodec } from './message.js';

/** PUBLISH_DONE (draft-18 §10.11): the last message of a subscription. */
export interface PublishDoneMessage {
  readonly kind: 'publish-done';
  readonly done: PublishDone;
}

const STREAM_COUNT_UNKNOWN_ON_WIRE = 2n ** 62n - 1n;

/** How PUBLISH_DONE is serialized. */
export const publishDone: MessageCodec<PublishDoneMessage> = {
  kind: 'publish-done',
  code: 0xb,
  encode(writer, { done }) {
    writer.vi64(done.code);
    writer.vi64(done.streamCount === STREAM_COUNT_UNKNOWN ? STREAM_COUNT_UNKNOWN_ON_WIRE : done.streamCount);
    writeReasonPhrase(writer, done.reason);
  },
  decode(reader) {
    const done = { code: reader.saturated(), streamCount: reader.saturated(), reason: readReasonPhrase(reader) };
    return { kind: 'publish-done', done };
  },
};
