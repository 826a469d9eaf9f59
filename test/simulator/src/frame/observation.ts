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
  /** A target was read back: this is in force from now on. */
  | {
      readonly kind: 'enforced';
      readonly node: string;
      readonly track: string;
      readonly group: number;
      readonly version: number;
    }
  /** The acknowledgement of a PoP arrived where the publisher's side looks. */
  | {
      readonly kind: 'acknowledged';
      readonly node: string;
      readonly pop: string;
      readonly track: string;
      readonly version: number;
    }
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
    case 'enforced':
      return `${node} enforces ${observation.track} version ${observation.version} of group ${observation.group}`;
    case 'acknowledged':
      return `${node} saw ${observation.pop} acknowledge ${observation.track} version ${observation.version}`;
    case 'forgot':
      return `${node} lost its disk`;
    case 'started':
      return `${node} started`;
    default:
      return `${node}: ${observation.what}`;
  }
}
