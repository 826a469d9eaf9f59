import type { SessionLimits } from '../limits.js';
import { type FullTrackName, fullTrackName, trackNamespace } from '../model/names.js';
import { MOQT_18 } from '../profiles/moqt-18.js';
import type { SetupOptions } from '../session/contract.js';
import { MoqtSession } from '../session/session.js';
import { type PairOptions, SessionPair } from './session-pair.js';

/** What the sessions of a pair are given besides their roles. */
export interface SessionsOptions extends PairOptions {
  readonly limits?: Partial<SessionLimits>;
  readonly client?: SetupOptions;
  readonly server?: SetupOptions;
}

/** A client and a server that have exchanged SETUP. */
export function establishedPair(options: SessionsOptions = {}): SessionPair {
  const pair = freshPair(options);
  pair.run();
  return pair;
}

/** The same before anything was delivered. */
export function freshPair(options: SessionsOptions = {}): SessionPair {
  const limits = options.limits ?? {};
  const client = new MoqtSession({ role: 'client', profile: MOQT_18, setup: options.client ?? {}, limits });
  const server = new MoqtSession({ role: 'server', profile: MOQT_18, setup: options.server ?? {}, limits });
  return new SessionPair(client, server, options);
}

/** The track `path`, one namespace field for each segment, with the name `current`. */
export function track(path: string): FullTrackName {
  const encoder = new TextEncoder();
  const fields = path.split('/').map((segment) => encoder.encode(segment));
  return fullTrackName(trackNamespace(fields), encoder.encode('current'));
}
