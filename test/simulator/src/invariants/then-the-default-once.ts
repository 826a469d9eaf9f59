import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { VirtualKernel } from '../programs/kernel.js';
import { ExpiryLimits } from './support/expiry-limits.js';
import type { PathError } from './support/path-error.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'then-the-default-once',
  statement:
    'a value whose time is up gives way to its configured default once, and only a newer one ends that, at once',
  design: [7],
};

/** What a list does at its expiry, by its author. */
export interface ConfiguredList {
  readonly track: string;
  readonly expiry: string;
}

/** How long a consumer may take to act, on a new value or the end of an old one: a slow disk, two transactions. */
const AT_ONCE_MS = 500;

/**
 * Invariant 7 of the design, its second half. BUS-43, BUS-46: one transition at the TTL, one back, into the mode that
 * travels with the list. A machine that lost its disk or its kernel's state begins anew.
 */
export function thenTheDefaultOnce(
  lists: readonly ConfiguredList[],
  kernels: ReadonlyMap<string, VirtualKernel> = new Map(),
  consuming: Consuming | null = null,
): Invariant {
  const { id } = guarantee;
  const limits = consuming === null ? null : new ExpiryLimits(consuming.epochOf, consuming.path);
  const expiries = new Map(lists.map(({ track, expiry }) => [track, expiry]));
  const consumers = new Consumers(id, limits, consuming);
  /** Per PoP and track: the group that the kernel took off. */
  const takenOff = new Map<string, number>();
  return {
    ...guarantee,
    observe(observation, nowMs) {
      limits?.observe(observation, nowMs);
      if (observation.kind === 'forgot' || observation.kind === 'started') consumers.begin(observation.node);
      else if (observation.kind === 'fault') consumers.interrupted(observation, nowMs);
      else if (observation.kind === 'received') consumers.received(observation, nowMs);
      else if (observation.kind === 'enforced') consumers.enforced(observation);
      else if (observation.kind === 'expired') consumers.expired(observation, expiries.get(observation.track));
    },
    check(nowMs) {
      consumers.check(nowMs);
      for (const [pop, kernel] of kernels) {
        for (const [track, { group }] of kernel.lists()) {
          const key = `${pop} ${track}`;
          if (kernel.inForce(track) === null) takenOff.set(key, group);
          else if ((takenOff.get(key) ?? -1) < group) takenOff.delete(key);
          else throw new Violation(id, `${pop} enforces ${track} group ${group} again, whose time was up`);
        }
        // A reboot takes the kernel's memory: what is enforced from disk afterwards was in force before.
        for (const { track } of lists) if (!kernel.lists().has(track)) takenOff.delete(`${pop} ${track}`);
      }
    },
  };
}

/** Consumers that tell of their verdicts themselves, and are to be held to their time. */
export interface Consuming {
  epochOf(group: number): number;
  readonly path: PathError;
  /** A process that does not run can't act. */
  isRunning(node: string): boolean;
}

interface Consumer {
  readonly node: string;
  readonly track: string;
  /** The group that is in force; null while the default is. */
  group: number | null;
  /** The group whose time was up; null while a value is in force. */
  expiredGroup: number | null;
  /** When something newer arrived; null if nothing did. */
  newerMs: number | null;
}

/** Consumers that tell of their verdicts themselves. */
class Consumers {
  readonly #id: string;
  readonly #consumers = new Map<string, Consumer>();
  readonly #limits: ExpiryLimits | null;
  readonly #consuming: Consuming | null;
  #stalls = 0;
  /** A process that was held up takes its time. */
  #calmSinceMs = 0;
  /** Before this time nothing can be too late, unless something happens. */
  #dueMs = 0;

  constructor(id: string, limits: ExpiryLimits | null, consuming: Consuming | null) {
    this.#id = id;
    this.#limits = limits;
    this.#consuming = consuming;
  }

  begin(node: string): void {
    for (const [key, consumer] of this.#consumers) if (consumer.node === node) this.#consumers.delete(key);
  }

  /** A process that is held up takes its time: it counts from the end of that. */
  interrupted({ stalls, phase }: Interruption, nowMs: number): void {
    if (stalls) this.#stalls += phase === 'begin' ? 1 : -1;
    this.#calmSinceMs = nowMs;
    for (const consumer of this.#consumers.values()) if (consumer.newerMs !== null) consumer.newerMs = nowMs;
  }

  received({ node, track, group }: Told, nowMs: number): void {
    const consumer = this.#consumers.get(`${node} ${track}`);
    if (consumer === undefined || consumer.expiredGroup === null || group <= consumer.expiredGroup) return;
    consumer.newerMs ??= nowMs;
    this.#dueMs = nowMs;
  }

  enforced({ node, track, group }: Told): void {
    const consumer = this.#at(node, track);
    if (consumer.expiredGroup !== null && group <= consumer.expiredGroup) {
      throw new Violation(this.#id, `${node} enforces ${track} group ${group} again, whose time was up`);
    }
    consumer.expiredGroup = null;
    consumer.newerMs = null;
    consumer.group = group;
    this.#dueMs = 0;
  }

  expired({ node, track, group, mode }: Told & { readonly mode: string }, configured: string | undefined): void {
    const consumer = this.#at(node, track);
    if (consumer.expiredGroup === group) {
      throw new Violation(this.#id, `${node} goes to the default of ${track} group ${group} a second time`);
    }
    if (configured !== undefined && mode !== configured) {
      throw new Violation(this.#id, `${node} does ${mode} for ${track} at its expiry, configured is ${configured}`);
    }
    consumer.expiredGroup = group;
    consumer.newerMs = null;
    consumer.group = null;
  }

  check(nowMs: number): void {
    if (this.#stalls > 0 || nowMs < this.#dueMs) return;
    this.#dueMs = Number.POSITIVE_INFINITY;
    for (const consumer of this.#consumers.values()) {
      const { node, track, newerMs } = consumer;
      const limitMs = Math.max(newerMs ?? this.#endsMs(consumer), this.#calmSinceMs) + AT_ONCE_MS;
      if (nowMs <= limitMs || this.#consuming?.isRunning(node) === false) {
        this.#dueMs = Math.min(this.#dueMs, limitMs);
        continue;
      }
      const what =
        newerMs === null ? `still does what an expired ${track} says` : `has a newer ${track} and ignores it`;
      throw new Violation(this.#id, `${node} ${what}`);
    }
  }

  /** When what is in force is over. */
  #endsMs({ node, track, group }: Consumer): number {
    const endsMs = group === null ? undefined : this.#limits?.limitMs(node, track, group, 0);
    return endsMs ?? Number.POSITIVE_INFINITY;
  }

  #at(node: string, track: string): Consumer {
    const key = `${node} ${track}`;
    let consumer = this.#consumers.get(key);
    if (consumer === undefined) {
      consumer = { node, track, group: null, expiredGroup: null, newerMs: null };
      this.#consumers.set(key, consumer);
    }
    return consumer;
  }
}

interface Interruption {
  readonly stalls: boolean;
  readonly phase: 'begin' | 'end';
}

interface Told {
  readonly node: string;
  readonly track: string;
  readonly group: number;
}
