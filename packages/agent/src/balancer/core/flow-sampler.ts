import type { DesiredService } from '../../targets/maglev/model.js';
import { SAMPLE_IDLE_INTERVAL_MS, SAMPLE_INTERVAL_MS } from './limits.js';
import type { Now } from './now.js';

/** Flows to be counted. */
export interface Sample {
  readonly service: DesiredService;
  readonly member: string;
}

/** Members whose flows decide something, and all others, which are counted more rarely. */
export interface SampleWish {
  readonly urgent: readonly Sample[];
  readonly all: readonly Sample[];
}

/** Counts flows member by member, in rounds: so that a cut never waits for more than one count. */
export class FlowSampler {
  readonly #counts = new Map<string, Map<string, number>>();
  #queue: Sample[] = [];
  #inFlight: Sample | null = null;
  #roundStartBootMs: number | null = null;
  #nextRoundBootMs: number;
  #nextIdleBootMs: number;

  constructor(now: Now) {
    this.#nextRoundBootMs = now.bootMs + SAMPLE_INTERVAL_MS;
    this.#nextIdleBootMs = now.bootMs;
  }

  /** Flows of a member as counted last; null: not counted. */
  count(service: string, member: string): number | null {
    return this.#counts.get(service)?.get(member) ?? null;
  }

  get busy(): boolean {
    return this.#inFlight !== null;
  }

  /** Forgets services that are gone. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of this.#counts.keys()) if (!ids.has(id)) this.#counts.delete(id);
  }

  /** The next count; it then is in flight. `wish` is asked when a round begins. */
  take(wish: () => SampleWish, now: Now): Sample | null {
    if (this.#inFlight !== null) return null;
    if (this.#roundStartBootMs === null) this.#begin(wish, now);
    this.#inFlight = this.#queue.pop() ?? null;
    return this.#inFlight;
  }

  /** A count, or null if it failed. Whether a round is complete with it. */
  done(connections: number | null, now: Now): boolean {
    const sample = this.#inFlight;
    this.#inFlight = null;
    if (sample !== null && connections !== null) this.#set(sample, connections);
    if (this.#queue.length > 0) return false;
    this.#nextRoundBootMs = Math.max((this.#roundStartBootMs ?? now.bootMs) + SAMPLE_INTERVAL_MS, now.bootMs);
    this.#roundStartBootMs = null;
    return true;
  }

  nextBootMs(): number | null {
    return this.#roundStartBootMs === null ? this.#nextRoundBootMs : null;
  }

  #begin(wish: () => SampleWish, now: Now): void {
    if (this.#nextRoundBootMs > now.bootMs) return;
    const { urgent, all } = wish();
    const idleDue = this.#nextIdleBootMs <= now.bootMs;
    if (idleDue) this.#nextIdleBootMs = now.bootMs + SAMPLE_IDLE_INTERVAL_MS;
    this.#queue = [...(idleDue ? all : urgent)].reverse();
    this.#nextRoundBootMs = now.bootMs + SAMPLE_INTERVAL_MS;
    if (this.#queue.length > 0) this.#roundStartBootMs = now.bootMs;
  }

  #set({ service, member }: Sample, connections: number): void {
    const counts = this.#counts.get(service.id) ?? new Map<string, number>();
    counts.set(member, connections);
    this.#counts.set(service.id, counts);
  }
}
