import type { TrackNamespace } from '../model/names.js';
import type { Vi64 } from '../model/vi64.js';
import { readNamespace, writeNamespace } from '../wire/names.js';
import type { MessageCodec } from './message.js';
import { type MessageParameters, readParameters, writeParameters } from './parameters.js';

/** SUBSCRIBE_TRACKS (draft-18 §10.19): asks for a PUBLISH of each track under a prefix. */
export interface SubscribeTracksMessage {
  readonly kind: 'subscribe-tracks';
  readonly requestId: Vi64;
  readonly prefix: TrackNamespace;
  readonly parameters: MessageParameters;
}

/** How SUBSCRIBE_TRACKS is serialized. */
export const subscribeTracks: MessageCodec<SubscribeTracksMessage> = {
  kind: 'subscribe-tracks',
  code: 0x51,
  encode(writer, message, parameters) {
    writer.vi64(message.requestId);
    writeNamespace(writer, message.prefix);
    writeParameters(writer, parameters, 'subscribe-tracks', message.parameters);
  },
  decode(reader, parameters) {
    return {
      kind: 'subscribe-tracks',
      requestId: reader.vi64(),
      prefix: readNamespace(reader),
      parameters: readParameters(reader, parameters, 'subscribe-tracks'),
    };
  },
};
