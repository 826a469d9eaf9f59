import { checkTrackProperties } from '../data/property-rules.js';
import type { Reader } from '../wire/reader.js';
import type { Writer } from '../wire/writer.js';

/** The last field of several messages: encoded Key-Value-Pairs up to the message's end (draft-18 §2.5). */
export interface WithTrackProperties {
  readonly trackProperties?: Uint8Array;
}

/** Reads everything up to the end; absent if there is nothing. Throws SessionError on what the draft forbids. */
export function readTrackProperties(reader: Reader): WithTrackProperties {
  if (reader.remaining === 0) return {};
  const trackProperties = reader.rest();
  checkTrackProperties(trackProperties);
  return { trackProperties };
}

/** Writes the properties as they are. */
export function writeTrackProperties(writer: Writer, { trackProperties }: WithTrackProperties): void {
  if (trackProperties !== undefined) writer.bytes(trackProperties);
}
