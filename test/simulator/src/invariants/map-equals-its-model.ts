import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'map-equals-its-model',
  statement: 'snapshot and deltas make what the publisher had at that place',
  design: [4, 5],
};

/** What is known of a map beside its objects. */
export interface MapModel {
  readonly track: string;
  /** What one object does to the entries before it; `entries` is changed in place. */
  apply(payload: Uint8Array, entries: Map<string, string>): void;
  /** What the edit makes of the entries that an object leaves behind: they follow from those before it, or are refused. */
  expected(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): ReadonlyMap<string, string>;
  /** The number of the edit that entries end with; null if they begin with none. */
  serialOf(entries: ReadonlyMap<string, string>): number | null;
}

/**
 * Invariants 4 and 5 of the design, for maps: the model is kept beside the objects, so that a snapshot is compared with
 * what the edits lead to, and a subscriber's entries with the model at the place of the last object that it took. A
 * delta that was applied over a gap shows as an entry that the publisher had not. BUS-13, BUS-15.
 */
export function mapEqualsItsModel(model: MapModel): Invariant {
  const { id } = guarantee;
  /** By writer: publishers that take turns do not know each other's entries. */
  const newest = new Map<string, ReadonlyMap<string, string>>();
  const byPlace = new Map<string, ReadonlyMap<string, string>>();
  return {
    ...guarantee,
    observe(observation) {
      if (observation.kind === 'forgot') newest.delete(observation.node);
      if (observation.kind === 'committed' && observation.track === model.track) {
        const { node, group, object, payload } = observation;
        const place = `${group} ${object}`;
        // A restart makes the objects of its journal visible again.
        if (byPlace.has(place)) return;
        const before = newest.get(node) ?? new Map<string, string>();
        const after = new Map(object === 0 ? [] : byPlace.get(`${group} ${object - 1}`));
        model.apply(payload, after);
        const difference = differenceOf(model.expected(before, after), after);
        if (difference !== null) throw new Violation(id, `${node} committed ${place} of ${model.track}: ${difference}`);
        newest.set(node, after);
        byPlace.set(place, after);
      } else if (observation.kind === 'confirmed' && observation.track === model.track) {
        const { node, group, object, serial } = observation;
        const found = model.serialOf(byPlace.get(`${group} ${object}`) ?? new Map());
        if (found === serial) return;
        throw new Violation(id, `${node} has edit ${found} at ${group} ${object}, where edit ${serial} was confirmed`);
      } else if (observation.kind === 'held' && observation.track === model.track) {
        const { node, group, object, entries } = observation;
        const wanted = byPlace.get(`${group} ${object}`);
        const difference = wanted === undefined ? 'nobody published that' : differenceOf(wanted, entries);
        if (difference === null) return;
        throw new Violation(id, `${node} holds ${model.track} at group ${group} object ${object}: ${difference}`);
      }
    },
  };
}

/** The first entry that differs; null if none does. */
function differenceOf(wanted: ReadonlyMap<string, string>, actual: ReadonlyMap<string, string>): string | null {
  for (const [key, value] of wanted) {
    const found = actual.get(key);
    if (found !== value) return `${key} is ${found ?? 'missing'}, expected ${value}`;
  }
  for (const key of actual.keys()) if (!wanted.has(key)) return `${key} is there, expected nothing`;
  return null;
}
