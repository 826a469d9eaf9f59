import type { FullTrackName } from '../model/names.js';
import { readFullTrackName, writeFullTrackName } from '../wire/names.js';
import type { MessageCodec } from './message.js';

/** PUBLISH_BLOCKED (draft-18 §10.20): a track under a SUBSCRIBE_TRACKS cannot be published for want of streams. */
export interface PublishBlockedMessage {
  readonly kind: 'publish-blocked';
  /** Its namespace is what follows the prefix that was subscribed to. */
  readonly suffix: FullTrackName;
}

/** How PUBLISH_BLOCKED is serialized. */
export const publishBlocked: MessageCodec<PublishBlockedMessage> = {
  kind: 'publish-blocked',
  code: 0xf,
  encode(writer, message) {
    writeFullTrackName(writer, message.suffix);
  },
  decode(reader) {
    return { kind: 'publish-blocked', suffix: readFullTrackName(reader) };
  },
};
