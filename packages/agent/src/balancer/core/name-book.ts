import type { Family } from '@higgins/balancing';
import { familyOfRange } from './addresses.js';
import type { ResolutionOrder, ResolutionResult } from './contract.js';
import type { NamePlan } from './layout.js';
import { NAME_ADDRESSES_MAX } from './limits.js';
import { earlier, type Now, wallOf } from './now.js';
import { addressesKnown, addressInUse, nextResolutionMs, ofFamily } from './resolution.js';
import type { NameStatus } from './status.js';

/** What is kept of a name over a restart. */
export interface SavedName {
  readonly key: string;
  readonly addresses: readonly string[];
  /** The addresses that stand for the name where it is one member. */
  readonly chosen: readonly string[];
  readonly resolvedWallMs: number;
}

interface Entry {
  plan: NamePlan;
  addresses: readonly string[];
  chosen: ReadonlyMap<Family, string>;
  resolvedBootMs: number | null;
  /** Of the last answer. */
  ttlMs: number | null;
  failures: number;
  failure: string | null;
  nextBootMs: number;
  asking: boolean;
}

/** What an answer, or its absence, changed. */
export interface NameChange {
  readonly host: string;
  readonly addresses: readonly string[];
  /** Whether the addresses are others than before. */
  readonly changed: boolean;
  /** Whether the name turned from fresh to stale, or back. */
  readonly turned: boolean;
  /** Why there was no answer; null if there was. */
  readonly failure: string | null;
}

/**
 * The addresses of names: asked for when their time is up, kept when nobody answers. Only an answer takes an address away.
 */
export class NameBook {
  readonly #entries = new Map<string, Entry>();
  readonly #random: () => number;
  readonly #saved: Map<string, SavedName>;

  /** `saved`: what an earlier life knew; the ages of its answers go on. */
  constructor(random: () => number, saved: readonly SavedName[] = []) {
    this.#random = random;
    this.#saved = new Map(saved.map((name) => [name.key, name]));
  }

  /** Keeps the names of the plans with all that is known of them, and forgets the others. */
  configure(plans: ReadonlyMap<string, NamePlan>, now: Now): void {
    for (const key of this.#entries.keys()) if (!plans.has(key)) this.#entries.delete(key);
    for (const plan of plans.values()) {
      const entry = this.#entries.get(plan.key);
      if (entry === undefined) this.#entries.set(plan.key, newEntry(plan, this.#saved.get(plan.key), now));
      else {
        if (plan.families.some((family) => !entry.plan.families.includes(family))) entry.nextBootMs = now.bootMs;
        entry.plan = plan;
      }
    }
  }

  /** Every address of a family; none before the first answer. */
  addresses(key: string, family: Family): readonly string[] {
    return ofFamily(this.#entries.get(key)?.addresses ?? [], family);
  }

  /** The address that stands for the name: the lowest of the answer, as long as answers hold it. */
  chosen(key: string, family: Family): string | null {
    return this.#entries.get(key)?.chosen.get(family) ?? null;
  }

  /** Whether one of the names still waits for its first answer or failure. */
  untried(plans: ReadonlyMap<string, NamePlan>): boolean {
    return [...plans.keys()].some((key) => {
      const entry = this.#entries.get(key);
      return entry !== undefined && entry.resolvedBootMs === null && entry.failures === 0;
    });
  }

  /** The next name to ask for, which then counts as asked; null: none is due. */
  take(now: Now): { readonly key: string; readonly order: ResolutionOrder } | null {
    for (const [key, entry] of this.#entries) {
      if (entry.asking || entry.nextBootMs > now.bootMs) continue;
      entry.asking = true;
      const { host, families, resolution } = entry.plan;
      return { key, order: { host, families, resolution } };
    }
    return null;
  }

  /** When `take` next has something; null: not before an answer. */
  nextBootMs(): number | null {
    let next: number | null = null;
    for (const entry of this.#entries.values()) if (!entry.asking) next = earlier(next, entry.nextBootMs);
    return next;
  }

  /** An answer; one without any address of the families counts as none. Null if nobody has the name any more. */
  resolved(key: string, result: ResolutionResult, now: Now): NameChange | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    const { families, host } = entry.plan;
    const addresses = addressesKnown(entry.addresses, result)
      .filter((address) => families.includes(familyOfRange(address)))
      .slice(0, NAME_ADDRESSES_MAX);
    if (addresses.length === 0) return this.failed(key, `no address of family ${families.join(' or ')}`, now);
    const changed = addresses.join() !== entry.addresses.join();
    const turned = entry.failure !== null;
    const chosen = byFamily(addresses, entry.chosen);
    Object.assign(entry, { addresses, chosen, asking: false, failures: 0, failure: null });
    entry.resolvedBootMs = now.bootMs;
    entry.ttlMs = result.ttlMs;
    this.#schedule(entry, now);
    return { host, addresses, changed, turned, failure: null };
  }

  /** Nobody answered: what was known stays. Null if nobody has the name any more. */
  failed(key: string, reason: string, now: Now): NameChange | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    const turned = entry.failure === null;
    entry.asking = false;
    entry.failure = reason;
    entry.failures += 1;
    this.#schedule(entry, now);
    return { host: entry.plan.host, addresses: entry.addresses, changed: false, turned, failure: reason };
  }

  #schedule(entry: Entry, now: Now): void {
    const { ttlMs, failures, resolvedBootMs, plan } = entry;
    const history = { ttlMs, overrideMs: plan.resolution.ttlMs, failures, resolved: resolvedBootMs !== null };
    entry.nextBootMs = now.bootMs + nextResolutionMs(history, this.#random());
  }

  status(now: Now): NameStatus[] {
    return [...this.#entries.values()].map((entry) => ({
      host: entry.plan.host,
      servers: entry.plan.resolution.servers,
      addresses: entry.addresses,
      resolvedWallMs: wallOf(entry.resolvedBootMs, now),
      nextWallMs: entry.asking ? null : wallOf(entry.nextBootMs, now),
      failure: entry.failure,
    }));
  }

  saved(now: Now): SavedName[] {
    return [...this.#entries].flatMap(([key, { addresses, chosen, resolvedBootMs }]) =>
      resolvedBootMs === null
        ? []
        : [{ key, addresses, chosen: [...chosen.values()], resolvedWallMs: wallOf(resolvedBootMs, now) }],
    );
  }
}

function newEntry(plan: NamePlan, saved: SavedName | undefined, now: Now): Entry {
  const known = saved && {
    addresses: saved.addresses,
    chosen: byFamily(saved.chosen),
    resolvedBootMs: now.bootMs - Math.max(0, now.wallMs - saved.resolvedWallMs),
  };
  return {
    ...{ plan, addresses: [], chosen: new Map(), resolvedBootMs: null, ttlMs: null },
    ...known,
    ...{ failures: 0, failure: null, nextBootMs: now.bootMs, asking: false },
  };
}

/** One address per family, where there is any. */
function byFamily(addresses: readonly string[], before: ReadonlyMap<Family, string> = new Map()): Map<Family, string> {
  const chosen = new Map<Family, string>();
  for (const family of [4, 6] as const) {
    const address = addressInUse(ofFamily(addresses, family), before.get(family) ?? null);
    if (address !== null) chosen.set(family, address);
  }
  return chosen;
}
