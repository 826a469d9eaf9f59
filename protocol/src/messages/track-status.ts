import type { FullTrackName } from '../model/names.js';
import type { Vi64 } from '../model/vi64.js';
import { readFullTrackName, writeFullTrackName } from '../wire/names.js';
import type { MessageCodec } from './message.js';
import { type MessageParameters, readParameters, writeParameters } from './parameters.js';

/** TRACK_STATUS (draft-18 §10.14): asks what SUBSCRIBE would answer, and subscribes to nothing. */
export interface TrackStatusMessage {
  readonly kind: 'track-status';
  readonly requestId: Vi64;
  readonly name: FullTrackName;
  readonly parameters: MessageParameters;
}

/** How TRACK_STATUS is serialized. */
export const trackStatus: MessageCodec<TrackStatusMessage> = {
  kind: 'track-status',
  code: 0xd,
  encode(writer, message, parameters) {
    writer.vi64(message.requestId);
    writeFullTrackName(writer, message.name);
    writeParameters(writer, parameters, 'track-status', message.parameters);
  },
  decode(reader, parameters) {
    return {
      kind: 'track-status',
      requestId: reader.vi64(),
      name: readFullTrackName(reader),
      parameters: readParameters(reader, parameters, 'track-status'),
    };
  },
};
