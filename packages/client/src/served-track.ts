import {
  encodeProperties,
  FetchObjectEncoder,
  type FetchParameters,
  type Location,
  PropertyType,
  type RequestId,
  readProperties,
  type Session,
  type SubscribeParameters,
  subtract,
  type Vi64,
} from '@higgins/protocol';
import { encodeTrackProperties } from '@higgins/signals';
import { type FetchPlan, largestOf } from './core/fetch-plan.js';
import { agedProperties, type WrittenGroup } from './core/track-writer.js';
import type { PublishedTrack } from './published-track.js';

/** Priority of requests and objects that state none (draft-18 §10.2.5, §12.4). */
const DEFAULT_PRIORITY = 128;
const NO_BYTES = new Uint8Array(0);

/** The properties of a track as its subscribers get them; MAX_CACHE_DURATION is for relays that know nothing of TTLs. */
export function trackPropertiesOf(track: PublishedTrack, writerId: string): Uint8Array {
  const { shape, format: contentFormat, maxCacheDurationMs: value } = track;
  const envelope = encodeTrackProperties({ shape, contentFormat, writerId });
  return encodeProperties([{ type: PropertyType.MAX_CACHE_DURATION, value }, ...readProperties(envelope)]);
}

/** Writes the whole answer to a FETCH that was accepted. */
export function writeFetch(
  session: Session,
  request: RequestId,
  plan: FetchPlan,
  parameters: FetchParameters,
  nowBootMs: number,
): void {
  const { subscriberPriority = DEFAULT_PRIORITY, groupOrder = 'ascending' } = parameters;
  const stream = session.openFetch(request, subscriberPriority * 256 + DEFAULT_PRIORITY);
  const encoder = new FetchObjectEncoder(groupOrder);
  for (const part of plan.parts) session.writeData(stream, encodePart(encoder, part, nowBootMs), false);
  session.writeData(stream, NO_BYTES, true);
}

/** The groups that a fetch can be answered from: the newest, if there is one. */
export function groupsOf(group: WrittenGroup | null): readonly WrittenGroup[] {
  return group === null ? [] : [group];
}

/** LARGEST_OBJECT as a track's answers carry it. */
export function largestIn(track: PublishedTrack): { readonly largest?: Location } {
  const largest = largestOf(groupsOf(track.writer.newest));
  return largest === null ? {} : { largest };
}

/** Whether all that a filter asks for was published before: a group that ended, or one behind the newest. */
export function rangeIsPast({ filter }: SubscribeParameters, track: PublishedTrack): boolean {
  const newest = track.writer.newest;
  if (filter?.kind !== 'absolute-range' || newest === null) return false;
  return track.shape === 'state' ? filter.endGroup <= newest.group : filter.endGroup < newest.group;
}

/** `groups` Group IDs before `group`, at least 0 (draft-18 §10.12.2.1). */
export function back(group: Vi64, groups: Vi64): Vi64 {
  return groups < group ? subtract(group, groups) : 0;
}

function encodePart(encoder: FetchObjectEncoder, part: FetchPlan['parts'][number], nowBootMs: number): Uint8Array {
  if (part.kind === 'unknown') return encoder.rangeEnd(part.end, true);
  const { group, object: written } = part;
  const { object, payload } = written;
  const place = { group, subgroup: 0, object, status: 'normal' as const, priority: DEFAULT_PRIORITY };
  return encoder.object({ ...place, payload, properties: agedProperties(written, nowBootMs) });
}
