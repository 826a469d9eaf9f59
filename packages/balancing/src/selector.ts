import { FIVE_TUPLE_KEY, type FlowKey, SOURCE_KEY } from './flow-key.js';
import { buildMaglev, checkSeed, defaultTableSize, type TableSize } from './maglev.js';
import type { HashChoice } from './prediction.js';
import { type ConnectionSample, connectionWeights, type LatencySample, latencyWeights } from './sampled-weights.js';
import { buildSampled, buildSequence } from './sequence.js';
import { type SlotTable, type WeightedMember, weightNow } from './slot-table.js';

/** How a pool chooses the member of a new flow. */
export type Algorithm =
  | 'maglev'
  | 'random'
  | 'source-hash'
  | 'round-robin'
  | 'weighted-round-robin'
  | 'least-connections'
  | 'least-latency';

/** How the kernel chooses the slot: by hash of the flow, or by counting up (`numgen inc mod SIZE`). */
export type SlotChoice = HashChoice | { readonly kind: 'turn'; readonly size: number };

/** A member with what the sampled algorithms weigh; what an algorithm does not need is ignored. */
export interface SelectableMember extends WeightedMember {
  /** Open connections, for `least-connections`; default 0. */
  readonly connections?: number;
  /** Smoothed latency, for `least-latency`; null or absent while unknown. */
  readonly latencyMs?: number | null;
}

/** What a selection depends on beside the members. */
export interface SelectionOptions {
  readonly algorithm: Algorithm;
  /** 32 bits, persisted and shared by all nodes of a service. */
  readonly seed: number;
  /** Slots of hashed tables; default by the pool's size. */
  readonly tableSize?: TableSize;
  /** What is hashed; default the five-tuple, or the source address for `source-hash`. */
  readonly key?: FlowKey;
  /** For `least-connections`: connections expected until the next sample; default 1. */
  readonly arrivalsExpected?: number;
  /** For `least-latency`: the last selection's weights. */
  readonly previousWeights?: ReadonlyMap<string, number>;
}

/** A slot table and how the kernel comes to a slot of it. */
export interface Selection {
  readonly table: SlotTable;
  readonly choice: SlotChoice;
  /** Whether a flow keeps its member on another node that has the same pool and seed. */
  readonly failoverSafe: boolean;
  /** The weights in use, by name: those of the members, or what sampling made of them. */
  readonly weights: ReadonlyMap<string, number>;
}

/** Slots of sampled tables: as many as the largest pool, and enough for shares of one in a thousand. */
export const SAMPLED_TABLE_SIZE = 2_048;

/**
 * Chooses slots for the members. Weights count in every algorithm; `round-robin` and `weighted-round-robin` are one.
 * `random` is the Maglev table by five-tuple: uniform by weight and independent of the order of arrival, but the same on
 * all nodes.
 *
 * @throws BalancingError as `buildMaglev`, `buildSequence`, `connectionWeights` and `latencyWeights`.
 */
export function select(members: readonly SelectableMember[], options: SelectionOptions): Selection {
  checkSeed(options.seed);
  switch (options.algorithm) {
    case 'maglev':
    case 'random':
      return hashed(members, options, options.key ?? FIVE_TUPLE_KEY);
    case 'source-hash':
      return hashed(members, options, options.key ?? SOURCE_KEY);
    case 'round-robin':
    case 'weighted-round-robin':
      return inTurn(buildSequence(members), weightsOf(members));
    case 'least-connections':
      return sampled(members, connectionWeights(connectionSamples(members), options.arrivalsExpected ?? 1));
    case 'least-latency':
      return sampled(members, latencyWeights(latencySamples(members), options.previousWeights));
  }
}

function hashed(members: readonly SelectableMember[], options: SelectionOptions, key: FlowKey): Selection {
  const { seed, tableSize: size = defaultTableSize(members.length) } = options;
  const choice: HashChoice = { kind: 'hash', key, seed, size };
  return { table: buildMaglev(members, { size, seed }), choice, failoverSafe: true, weights: weightsOf(members) };
}

function inTurn(table: SlotTable, weights: ReadonlyMap<string, number>): Selection {
  return { table, choice: { kind: 'turn', size: table.slots.length }, failoverSafe: false, weights };
}

function sampled(members: readonly SelectableMember[], weights: ReadonlyMap<string, number>): Selection {
  const weighed = members.map((member) => ({ ...member, weight: weights.get(member.name) ?? 0 }));
  return inTurn(buildSampled(weighed, SAMPLED_TABLE_SIZE), weights);
}

function weightsOf(members: readonly SelectableMember[]): Map<string, number> {
  return new Map(members.map(({ name, weight }) => [name, weight]));
}

function serving(members: readonly SelectableMember[]): SelectableMember[] {
  return members.filter((member) => weightNow(member) > 0);
}

function connectionSamples(members: readonly SelectableMember[]): ConnectionSample[] {
  return serving(members).map(({ name, weight, connections = 0 }) => ({ name, weight, connections }));
}

function latencySamples(members: readonly SelectableMember[]): LatencySample[] {
  return serving(members).map(({ name, weight, latencyMs = null }) => ({ name, weight, latencyMs }));
}
