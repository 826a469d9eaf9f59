import { RequestErrorCode, StreamResetCode } from '../errors.js';
import type { SessionState } from './state.js';

/**
 * A track contradicts itself: its subscription and its fetches from this peer are cancelled, and the application hears
 * of each (draft-18 §2.4.2). `track`: the key of its Full Track Name.
 */
export function giveUpTrack(state: SessionState, track: string, reason: string): void {
  for (const { owner } of [...state.aliases.values()]) {
    if (owner.track === track) owner.giveUp(StreamResetCode.MALFORMED_TRACK, RequestErrorCode.MALFORMED_TRACK, reason);
  }
  for (const fetch of [...state.ownFetches.values()]) {
    if (fetch.track === track) fetch.giveUp(StreamResetCode.MALFORMED_TRACK);
  }
}
