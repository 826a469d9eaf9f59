import type { SubscribeOk } from '../model/requests.js';
import type { MessageCodec } from './message.js';
import { readParameters, writeParameters } from './parameters.js';
import { readTrackProperties, writeTrackProperties } from './track-properties.js';

/** SUBSCRIBE_OK (draft-18 §10.8): the subscription stands. */
export interface SubscribeOkMessage {
  readonly kind: 'subscribe-ok';
  readonly ok: SubscribeOk;
}

/** How SUBSCRIBE_OK is serialized. */
export const subscribeOk: MessageCodec<SubscribeOkMessage> = {
  kind: 'subscribe-ok',
  code: 0x4,
  encode(writer, { ok }, parameters) {
    writer.vi64(ok.trackAlias);
    writeParameters(writer, parameters, 'subscribe-ok', ok);
    writeTrackProperties(writer, ok);
  },
  decode(reader, parameters) {
    const trackAlias = reader.vi64();
    const { expiresMs, largest } = readParameters(reader, parameters, 'subscribe-ok');
    const ok: SubscribeOk = {
      trackAlias,
      ...(expiresMs !== undefined && { expiresMs }),
      ...(largest !== undefined && { largest }),
      ...readTrackProperties(reader),
    };
    return { kind: 'subscribe-ok', ok };
  },
};
