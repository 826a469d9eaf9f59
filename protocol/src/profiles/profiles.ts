import { MOQT_18 } from './moqt-18.js';
import type { Profile } from './profile.js';

/** Every profile, the newest draft first: the order in which they are offered, and in which a server chooses. */
export const PROFILES: readonly Profile[] = [MOQT_18];

/** What is offered as ALPN on raw QUIC and as subprotocols on WebTransport, in the same order (draft-18 §3.1). */
export const PROTOCOLS: readonly string[] = PROFILES.map(({ protocol }) => protocol);

/** The profile that a transport has negotiated. Throws RangeError for a protocol that was not offered. */
export function profileOf(protocol: string, profiles: readonly Profile[] = PROFILES): Profile {
  const found = profiles.find((profile) => profile.protocol === protocol);
  if (found === undefined) throw new RangeError(`protocol ${protocol} has no profile`);
  return found;
}
