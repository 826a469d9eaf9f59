/** Something that happened in a simulation and that invariants judge. Times are the world's, unless the name says otherwise. */
export type Observation =
  /** A publisher made an object visible. */
  | {
      readonly kind: 'committed';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly object: number;
      readonly payload: Uint8Array;
      readonly ttlMs: number;
      /** What the value says of itself; null for a renewal or where there is no version. */
      readonly version: number | null;
    }
  /** A subscriber took an object for its newest value. */
  | {
      readonly kind: 'received';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly payload: Uint8Array;
    }
  /** Whoever edits a map was told that the edit with that number is committed there. */
  | {
      readonly kind: 'confirmed';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly object: number;
      readonly serial: number;
    }
  /** A subscriber of a map says what it holds, by key, and which object was the last that it took. */
  | {
      readonly kind: 'held';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly object: number;
      readonly entries: ReadonlyMap<string, string>;
    }
  /** A subscriber was given an event. `lost`: it was told before that others are gone. */
  | {
      readonly kind: 'delivered';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly object: number;
      readonly payload: Uint8Array;
      readonly lost: boolean;
    }
  /** A plain MOQT client got an object, live or by a fetch. */
  | {
      readonly kind: 'carried';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly object: number;
      readonly payload: Uint8Array;
    }
  /** Somebody published an object that every consumer has to refuse. */
  | {
      readonly kind: 'spoiled';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly object: number;
      /** What is wrong with it. */
      readonly fault: string;
    }
  /** A subscriber was told that an object is invalid. */
  | {
      readonly kind: 'refused';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly object: number;
      readonly reason: string;
    }
  /**
   * A relay handed out an object to somebody who looks at what is on the wire; `newest`: as the newest of its
   * group; `joined`: to a newcomer, as what the track is now.
   */
  | {
      readonly kind: 'served';
      readonly node: string;
      readonly relay: string;
      readonly track: string;
      readonly group: number;
      readonly object: number;
      readonly ttlMs: number;
      readonly ageMs: number;
      readonly newest: boolean;
      readonly joined: boolean;
    }
  /** A target was read back: this is in force from now on. */
  | {
      readonly kind: 'enforced';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly version: number;
    }
  /** A value's time was up at a consumer: from now on its default counts, which is `mode`. */
  | {
      readonly kind: 'expired';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly version: number | null;
      readonly mode: string;
    }
  /** The acknowledgement of a PoP arrived where the publisher's side looks. */
  | {
      readonly kind: 'acknowledged';
      readonly node: string;
      readonly pop: string;
      readonly track: string;
      readonly version: number;
    }
  /** What the SDK says of how a value stands has changed. */
  | { readonly kind: 'condition'; readonly node: string; readonly track: string; readonly condition: string }
  /** A subscription ended by itself, for good. */
  | { readonly kind: 'ended'; readonly node: string; readonly track: string; readonly reason: string }
  /** A process began; it knows nothing but what is on its disk. */
  | { readonly kind: 'started'; readonly node: string }
  /** A fault begins or ends. `stalls`: it can hold deliveries up without a relay that notices. */
  | {
      readonly kind: 'fault';
      readonly node: string;
      readonly what: string;
      readonly phase: 'begin' | 'end';
      readonly stalls: boolean;
    }
  /** A machine lost what was on its disk. */
  | { readonly kind: 'forgot'; readonly node: string }
  | { readonly kind: 'note'; readonly node: string; readonly what: string };

/** One line for people. */
export function describe(observation: Observation): string {
  const { kind, node } = observation;
  switch (kind) {
    case 'committed': {
      const { track, group, object, version } = observation;
      return `${node} committed ${track} group ${group} object ${object}${version === null ? '' : ` version ${version}`}`;
    }
    case 'received':
      return `${node} received ${observation.track} group ${observation.group}`;
    case 'carried':
      return `${node} got ${observation.track} ${placeOf(observation)}`;
    case 'confirmed':
      return `${node} has edit ${observation.serial} of ${observation.track} in ${placeOf(observation)}`;
    case 'held':
      return `${node} holds ${observation.track} ${placeOf(observation)}, ${observation.entries.size} entries`;
    case 'delivered': {
      const { track, lost } = observation;
      return `${node} was given ${track} ${placeOf(observation)}${lost ? ', behind a loss' : ''}`;
    }
    case 'spoiled':
      return `${node} published ${observation.track} ${placeOf(observation)} with a fault: ${observation.fault}`;
    case 'refused':
      return `${node} refused ${observation.track} ${placeOf(observation)}: ${observation.reason}`;
    case 'served': {
      const { relay, track, ttlMs, ageMs } = observation;
      return `${node} was served ${track} ${placeOf(observation)} by ${relay}, ${ageMs} of ${ttlMs} ms old`;
    }
    case 'enforced':
      return `${node} enforces ${observation.track} version ${observation.version} of group ${observation.group}`;
    case 'expired':
      return `${node} lets ${observation.track} version ${observation.version} go: its time is up`;
    case 'acknowledged':
      return `${node} saw ${observation.pop} acknowledge ${observation.track} version ${observation.version}`;
    case 'condition':
      return `${node}: ${observation.track} is ${observation.condition}`;
    case 'ended':
      return `${node} follows ${observation.track} no more: ${observation.reason}`;
    case 'forgot':
      return `${node} lost its disk`;
    case 'started':
      return `${node} started`;
    default:
      return `${node}: ${observation.what}`;
  }
}

function placeOf({ group, object }: { readonly group: number; readonly object: number }): string {
  return `group ${group} object ${object}`;
}
