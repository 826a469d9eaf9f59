import type { LiveMap, Subscription } from '@higgins/client';
import { type Applied, applied } from '@higgins/signals';
import { type Bus, openBus } from '../bus.js';
import { preciseWallMs } from '../wall-clock.js';

/** An acknowledgement, and when it reached the observer (wall clock, ms). */
export interface SeenAcknowledgement extends Applied {
  readonly receivedWallMs: number;
}

export interface AwaitedAcknowledgement {
  readonly version: number;
  /** Only what was applied from then on counts; absent: whatever is in force. */
  readonly sinceWallMs?: number;
}

interface Waiter {
  readonly key: string;
  readonly awaited: AwaitedAcknowledgement;
  readonly resolve: (seen: SeenAcknowledgement) => void;
}

/** Follows the acknowledgements of PoPs at the origin relay, as a control plane does. */
export class Acknowledgements implements AsyncDisposable {
  readonly #seen = new Map<string, SeenAcknowledgement>();
  readonly #waiters = new Set<Waiter>();
  #bus: Bus | null = null;

  /** Connects as `observer` of the lab's authority and follows the PoPs. */
  async connect(
    url: string,
    tls: { readonly tlsCa: string; readonly tlsCert: string; readonly tlsKey: string },
    pops: readonly string[],
  ): Promise<void> {
    this.#bus = await openBus({ ...tls, relays: [url], writerId: 'demo-observer' });
    for (const pop of pops) void this.#follow(pop, this.#bus.client.subscribeMap(applied, { pop }));
  }

  /** Resolves with the acknowledgement that the PoP enforces that version of the track; rejects at the bound. */
  async wait(
    pop: string,
    track: string,
    awaited: AwaitedAcknowledgement,
    boundMs: number,
  ): Promise<SeenAcknowledgement> {
    const key = keyOf(pop, track);
    const earlier = this.#seen.get(key);
    if (earlier && satisfies(earlier, awaited)) return earlier;
    return await new Promise((resolve, reject) => {
      const waiter: Waiter = { key, awaited, resolve: (seen) => settle(() => resolve(seen)) };
      const settle = (then: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        then();
      };
      const timer = setTimeout(() => settle(() => reject(new Error(this.#missing(key, awaited, boundMs)))), boundMs);
      this.#waiters.add(waiter);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bus?.[Symbol.asyncDispose]();
    this.#bus = null;
  }

  async #follow(pop: string, subscription: Subscription<LiveMap<Applied>>): Promise<void> {
    for await (const { current } of subscription) {
      for (const [track, value] of current?.value ?? []) this.#take(keyOf(pop, track), value);
    }
  }

  #take(key: string, value: Applied): void {
    const earlier = this.#seen.get(key);
    if (
      earlier &&
      earlier.group === value.group &&
      earlier.result === value.result &&
      earlier.appliedWallMs === value.appliedWallMs
    )
      return;
    const seen = { ...value, receivedWallMs: preciseWallMs() };
    this.#seen.set(key, seen);
    for (const waiter of [...this.#waiters]) {
      if (waiter.key === key && satisfies(seen, waiter.awaited)) waiter.resolve(seen);
    }
  }

  #missing(key: string, { version }: AwaitedAcknowledgement, boundMs: number): string {
    const last = this.#seen.get(key);
    return `${key} did not acknowledge version ${version} within ${boundMs} ms; it last said ${JSON.stringify(last ?? null)}`;
  }
}

function satisfies(seen: SeenAcknowledgement, { version, sinceWallMs }: AwaitedAcknowledgement): boolean {
  if (seen.result === 'refused') throw new Error(`the list was refused: ${seen.reason}`);
  return seen.result === 'applied' && seen.version === version && seen.receivedWallMs >= (sinceWallMs ?? 0);
}

function keyOf(pop: string, track: string): string {
  return `${pop}: ${track}`;
}
