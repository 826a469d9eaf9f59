import { type Notice, RequestErrorCode, StreamResetCode, type SubgroupHeader } from '@higgins/protocol';
import type { SubgroupFeed } from '../downstream/live-subgroup.js';
import type { RelayContext } from '../relay-context.js';
import { acceptDatagram, acceptLive, endLive, lostFeed, malformed } from './accept.js';
import type { Fill } from './fill.js';
import { fillAccepted, fillEnded, fillFailed, fillObject, fillRange } from './fills.js';
import { resumeSource } from './joins.js';
import { sourceUpdated } from './publish.js';
import type { Source } from './source.js';
import { cancelSource, sourceDone, sourceEstablished, sourceRefused } from './sources.js';

/** What comes for a request of the relay's own, or on a PUBLISH that it has accepted. */
export type Answer = Exclude<
  Notice,
  {
    kind:
      | 'setup'
      | 'subscribe'
      | 'fetch'
      | 'publish-namespace'
      | 'track-status'
      | 'update'
      | 'cancelled'
      | 'publish'
      | 'subscribe-namespace'
      | 'subscribe-tracks'
      | 'goaway'
      | 'closed';
  }
>;

/** What comes for an upstream subscription. */
export function answeredSource(context: RelayContext, source: Source, notice: Answer): void {
  switch (notice.kind) {
    case 'subscribe-ok':
      sourceEstablished(context, source, notice.ok);
      return;
    case 'request-error':
      if (notice.update) cancelSource(context, source);
      else if (source.state === 'established' && notice.error.code === RequestErrorCode.MALFORMED_TRACK) {
        malformed(context, source, source.track, notice.error.reason);
      } else sourceRefused(context, source, notice.error);
      return;
    case 'update-ok':
      sourceUpdated(context, source, notice.ok.largest ?? null);
      return;
    case 'publish-done':
      sourceDone(context, source, notice.done.code, notice.done.reason);
      return;
    case 'subgroup':
      source.feeds.set(notice.stream, feedOf(notice.header));
      return;
    case 'object': {
      const feed = source.feeds.get(notice.stream);
      if (feed !== undefined) acceptLive(context, source, feed, notice.object);
      return;
    }
    case 'datagram':
      acceptDatagram(context, source, notice.object, notice.endOfGroup);
      return;
    case 'subgroup-end': {
      const feed = source.feeds.get(notice.stream);
      source.feeds.delete(notice.stream);
      if (feed !== undefined) endLive(context, source, feed);
      return;
    }
    case 'subgroup-reset': {
      const feed = source.feeds.get(notice.stream);
      source.feeds.delete(notice.stream);
      if (feed !== undefined) lostFeed(feed);
      resumeSource(context, source, notice.header.group);
      return;
    }
  }
}

/** What comes for a FETCH of ours. */
export function answeredFill(context: RelayContext, fill: Fill, notice: Answer): void {
  switch (notice.kind) {
    case 'fetch-ok':
      fillAccepted(context, fill, notice);
      return;
    case 'fetch-object':
      fillObject(context, fill, notice.object);
      return;
    case 'fetch-range-end':
      fillRange(fill, notice.end, notice.unknown);
      return;
    case 'fetch-end':
      fillEnded(context, fill);
      return;
    case 'fetch-reset':
      fetchReset(context, fill, notice.code);
      return;
    case 'request-error':
      fillFailed(context, fill, notice.error);
      return;
  }
}

function fetchReset(context: RelayContext, fill: Fill, code: number): void {
  const reason = `upstream reset the fetch with code ${code}`;
  if (code === StreamResetCode.MALFORMED_TRACK) malformed(context, fill, fill.track, reason);
  else fillFailed(context, fill, { code: null, reason, retryIntervalMs: null });
}

function feedOf({ group, subgroup, priority, endOfGroup, firstObject, hasProperties }: SubgroupHeader): SubgroupFeed {
  return {
    group,
    subgroup,
    priority,
    endOfGroup,
    firstObject,
    hasProperties,
    firstReceived: null,
    lastReceived: null,
    previousReceived: null,
    incomplete: false,
    live: null,
  };
}
