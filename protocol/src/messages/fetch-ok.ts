import { protocolViolation } from '../errors.js';
import type { FetchOk } from '../model/requests.js';
import { readLocation, writeLocation } from '../wire/names.js';
import type { MessageCodec } from './message.js';
import { readParameters, writeParameters } from './parameters.js';
import { readTrackProperties, writeTrackProperties } from './track-properties.js';

/** FETCH_OK (draft-18 §10.13): where the answer to a FETCH ends. */
export interface FetchOkMessage {
  readonly kind: 'fetch-ok';
  readonly ok: FetchOk;
}

/** How FETCH_OK is serialized. */
export const fetchOk: MessageCodec<FetchOkMessage> = {
  kind: 'fetch-ok',
  code: 0x18,
  encode(writer, { ok }, parameters) {
    writer.uint8(ok.endOfTrack ? 1 : 0);
    writeLocation(writer, ok.end);
    writeParameters(writer, parameters, 'fetch-ok', {});
    writeTrackProperties(writer, ok);
  },
  decode(reader, parameters) {
    const endOfTrack = reader.uint8();
    if (endOfTrack > 1) throw protocolViolation(`end of track is ${endOfTrack}, expected 0 or 1`);
    const end = readLocation(reader);
    readParameters(reader, parameters, 'fetch-ok');
    return { kind: 'fetch-ok', ok: { endOfTrack: endOfTrack === 1, end, ...readTrackProperties(reader) } };
  },
};
