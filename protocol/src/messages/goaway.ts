import { EncodeError } from '../errors.js';
import { SESSION_URI_BYTES_MAX } from '../limits.js';
import type { Vi64 } from '../model/vi64.js';
import { exactText, utf8 } from '../wire/text.js';
import type { MessageCodec } from './message.js';

/** GOAWAY (draft-18 §10.4): the session, or one request, is to move. */
export interface GoawayMessage {
  readonly kind: 'goaway';
  /** Empty: the address stays the same. */
  readonly newSessionUri: string;
  /** How long the sender waits; 0: it does not say. */
  readonly timeoutMs: number;
  /** The smallest Request ID that may not have been processed; on the control stream only, else null. */
  readonly requestId: Vi64 | null;
}

/** How GOAWAY is serialized. */
export const goaway: MessageCodec<GoawayMessage> = {
  kind: 'goaway',
  code: 0x10,
  encode(writer, message, _parameters, context) {
    const uri = utf8(message.newSessionUri);
    if (uri.length > SESSION_URI_BYTES_MAX) {
      throw new EncodeError(`new session uri has ${uri.length} bytes, expected at most ${SESSION_URI_BYTES_MAX}`);
    }
    if (context.control !== (message.requestId !== null)) {
      throw new EncodeError('goaway names a request id on the control stream and nowhere else');
    }
    writer.lengthPrefixed(uri);
    writer.vi64(message.timeoutMs);
    if (message.requestId !== null) writer.vi64(message.requestId);
  },
  decode(reader, _parameters, context) {
    const uri = reader.lengthPrefixed(SESSION_URI_BYTES_MAX, 'new session uri');
    return {
      kind: 'goaway',
      newSessionUri: exactText(uri, 'new session uri'),
      timeoutMs: reader.saturated(),
      requestId: context.control ? reader.vi64() : null,
    };
  },
};
