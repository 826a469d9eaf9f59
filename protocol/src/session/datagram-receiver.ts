import { decodeDatagram, type ObjectDatagram } from '../data/datagram.js';
import { checkObjectProperties } from '../data/property-rules.js';
import { MalformedTrackError } from '../errors.js';
import { HELD_PIECE_OVERHEAD_BYTES } from './held-bytes.js';
import type { Reception } from './reception.js';
import type { SessionState } from './state.js';
import type { AliasWaiter } from './unknown-aliases.js';

/**
 * Takes a datagram of the peer's (draft-18 §11.3): its Object becomes a notice, now or when its alias is known. One that
 * may not wait is dropped. Throws SessionError for what is malformed.
 */
export function receiveDatagram(state: SessionState, bytes: Uint8Array): void {
  const datagram = decodeDatagram(bytes);
  if (datagram === null) return;
  const reception = state.aliases.get(datagram.trackAlias);
  if (reception !== undefined) deliver(state, reception, datagram);
  else hold(state, datagram, bytes.length + HELD_PIECE_OVERHEAD_BYTES);
}

function deliver(state: SessionState, reception: Reception, datagram: ObjectDatagram): void {
  const { group, object, status, properties, payload, endOfGroup } = datagram;
  try {
    checkObjectProperties(properties, group, object);
  } catch (error) {
    if (!(error instanceof MalformedTrackError)) throw error;
    reception.malformed(error.message);
    return;
  }
  const { owner } = reception;
  if (!owner.admits(payload.length + properties.length)) return;
  const priority = datagram.priority ?? reception.defaultPriority;
  const received = { group, subgroup: null, object, status, priority, properties, payload };
  state.notice({ kind: 'datagram', request: owner.id, object: received, endOfGroup });
}

// The datagram holds copies of its own; `cost` is what they are charged with.
function hold(state: SessionState, datagram: ObjectDatagram, cost: number): void {
  if (!state.held.take(cost)) return;
  const waiter: AliasWaiter = {
    resume(reception) {
      state.held.give(cost);
      deliver(state, reception, datagram);
    },
    abandon() {
      state.held.give(cost);
    },
  };
  if (!state.unknownAliases.wait(datagram.trackAlias, waiter)) state.held.give(cost);
}
