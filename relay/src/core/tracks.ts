import type { FullTrackName } from '@higgins/protocol';
import { endOrphans } from './downstream/offers.js';
import type { RelayContext } from './relay-context.js';
import { Track } from './track.js';
import { ensureSources, restSources } from './upstream/sources.js';

/** The track of that name, made if it is new; null if the relay has too many. */
export function openTrack(context: RelayContext, name: FullTrackName): Track | null {
  const track = context.tracks.open(name, (alias): Track => {
    const made: Track = new Track(context, name, alias, {
      linger: () => lingerOver(context, made),
      orphan: () => endOrphans(context, made),
      retry: () => ensureSources(context, made),
      emptied: () => forgetIfEmpty(context, made),
    });
    return made;
  });
  context.counters.tracks = context.tracks.size;
  return track;
}

/** Something of the track has gone: its upstream subscriptions linger once nobody wants it, and in the end it goes. */
export function releaseTrack(context: RelayContext, track: Track): void {
  if (track.wanted) return;
  if (track.sources.size > 0) {
    if (track.lingerTimer.slot === null) {
      context.timers.schedule(track.lingerTimer, context.nowMs + context.limits.lingerMs);
    }
    return;
  }
  context.timers.cancel(track.retryTimer);
  forgetIfEmpty(context, track);
}

/** Forgets a track that nobody wants and of which nothing is cached. */
export function forgetIfEmpty(context: RelayContext, track: Track): void {
  if (!track.forgettable) return;
  context.timers.cancel(track.lingerTimer);
  context.timers.cancel(track.orphanTimer);
  context.timers.cancel(track.retryTimer);
  track.fanOut.close();
  context.tracks.remove(track);
  context.counters.tracks = context.tracks.size;
}

function lingerOver(context: RelayContext, track: Track): void {
  if (track.wanted) return;
  restSources(context, track);
  forgetIfEmpty(context, track);
}
