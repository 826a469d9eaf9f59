import type { FullTrackName } from '../model/names.js';
import type { Vi64 } from '../model/vi64.js';
import { readFullTrackName, writeFullTrackName } from '../wire/names.js';
import type { MessageCodec } from './message.js';
import { type MessageParameters, readParameters, writeParameters } from './parameters.js';

/** SUBSCRIBE (draft-18 §10.7): asks for the objects of a track from now on. */
export interface SubscribeMessage {
  readonly kind: 'subscribe';
  readonly requestId: Vi64;
  readonly name: FullTrackName;
  readonly parameters: MessageParameters;
}

/** How SUBSCRIBE is serialized. */
export const subscribe: MessageCodec<SubscribeMessage> = {
  kind: 'subscribe',
  code: 0x3,
  encode(writer, message, parameters) {
    writer.vi64(message.requestId);
    writeFullTrackName(writer, message.name);
    writeParameters(writer, parameters, 'subscribe', message.parameters);
  },
  decode(reader, parameters) {
    return {
      kind: 'subscribe',
      requestId: reader.vi64(),
      name: readFullTrackName(reader),
      parameters: readParameters(reader, parameters, 'subscribe'),
    };
  },
};
