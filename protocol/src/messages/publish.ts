import type { FullTrackName } from '../model/names.js';
import type { Vi64 } from '../model/vi64.js';
import { readFullTrackName, writeFullTrackName } from '../wire/names.js';
import type { MessageCodec } from './message.js';
import { type MessageParameters, readParameters, writeParameters } from './parameters.js';
import { readTrackProperties, type WithTrackProperties, writeTrackProperties } from './track-properties.js';

/** PUBLISH (draft-18 §10.10): the publisher starts a subscription for the peer. */
export interface PublishMessage extends WithTrackProperties {
  readonly kind: 'publish';
  readonly requestId: Vi64;
  readonly name: FullTrackName;
  readonly trackAlias: Vi64;
  readonly parameters: MessageParameters;
}

/** How PUBLISH is serialized. */
export const publish: MessageCodec<PublishMessage> = {
  kind: 'publish',
  code: 0x1d,
  encode(writer, message, parameters) {
    writer.vi64(message.requestId);
    writeFullTrackName(writer, message.name);
    writer.vi64(message.trackAlias);
    writeParameters(writer, parameters, 'publish', message.parameters);
    writeTrackProperties(writer, message);
  },
  decode(reader, parameters) {
    return {
      kind: 'publish',
      requestId: reader.vi64(),
      name: readFullTrackName(reader),
      trackAlias: reader.vi64(),
      parameters: readParameters(reader, parameters, 'publish'),
      ...readTrackProperties(reader),
    };
  },
};
