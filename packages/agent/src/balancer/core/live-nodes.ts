import { NODE_GONE_MS } from './limits.js';
import { earlier, type Now } from './now.js';

/** The part of a limit of the whole PoP that is this node's. */
export interface NodeShare {
  /** Nodes that live, this one included: 1 and above. */
  readonly nodes: number;
  /** This node's place among them, by name, from 0. */
  readonly position: number;
}

/** Nodes that were counted last, of one gateway. */
export interface SavedNodes {
  readonly gateway: string;
  readonly nodes: readonly string[];
}

export const ALONE: NodeShare = { nodes: 1, position: 0 };

interface Peer {
  counted: boolean;
  /** Whether what it told last still holds. */
  live: boolean;
  /** When that ended. */
  sinceBootMs: number;
}

/**
 * Which other nodes of the PoP serve a gateway, so that a limit of the PoP is split among all of them.
 *
 * A node counts as soon as it is heard, and no more once its state has expired or was deleted while the bus was there to
 * tell otherwise. Without the bus the last count holds, over restarts too; a node that never heard of others is alone and
 * has the whole limit. So a lost bus never raises a limit, and never refuses what was let in before.
 */
export class LiveNodes {
  readonly #self: string;
  readonly #names: ReadonlySet<string>;
  readonly #gateways = new Map<string, Map<string, Peer>>();
  /** Since when the bus is there; null: it is not. */
  #busBootMs: number | null = null;

  /** `names`: the nodes of the PoP; others are not listened to. */
  constructor(self: string, names: readonly string[], saved: readonly SavedNodes[], now: Now) {
    this.#self = self;
    this.#names = new Set(names.filter((name) => name !== self));
    for (const { gateway, nodes } of saved) {
      const known = nodes.filter((name) => this.#names.has(name));
      const peers = known.map((name): [string, Peer] => [
        name,
        { counted: true, live: false, sinceBootMs: now.bootMs },
      ]);
      this.#gateways.set(gateway, new Map(peers));
    }
  }

  /** The bus is there, or is gone. */
  bus(connected: boolean, now: Now): void {
    if (connected) this.#busBootMs ??= now.bootMs;
    else this.#busBootMs = null;
  }

  /** What a node tells of a gateway holds, or holds no more. Whether the count changed. */
  heard(gateway: string, name: string, live: boolean, now: Now): boolean {
    if (!this.#names.has(name)) return false;
    const peers = this.#gateways.get(gateway) ?? new Map<string, Peer>();
    this.#gateways.set(gateway, peers);
    const peer = peers.get(name) ?? { counted: false, live: false, sinceBootMs: now.bootMs };
    peers.set(name, peer);
    if (peer.live && !live) peer.sinceBootMs = now.bootMs;
    peer.live = live;
    if (!live || peer.counted) return false;
    peer.counted = true;
    return true;
  }

  /** Forgets nodes whose time is up; the gateways whose count changed. */
  advance(now: Now): readonly string[] {
    const changed: string[] = [];
    for (const [gateway, peers] of this.#gateways) {
      const gone = [...peers.values()].filter((peer) => (this.#goneBootMs(peer) ?? Infinity) <= now.bootMs);
      for (const peer of gone) peer.counted = false;
      if (gone.length > 0) changed.push(gateway);
    }
    return changed;
  }

  /** When `advance` next has something to do. */
  nextBootMs(): number | null {
    let next: number | null = null;
    for (const peers of this.#gateways.values()) {
      for (const peer of peers.values()) next = earlier(next, this.#goneBootMs(peer));
    }
    return next;
  }

  shareOf(gateway: string): NodeShare {
    const names = this.#counted(gateway);
    return { nodes: names.length + 1, position: names.filter((name) => name < this.#self).length };
  }

  /** Forgets gateways that are gone. */
  retain(gateways: ReadonlySet<string>): void {
    for (const gateway of this.#gateways.keys()) if (!gateways.has(gateway)) this.#gateways.delete(gateway);
  }

  saved(): SavedNodes[] {
    const all = [...this.#gateways.keys()].map((gateway) => ({ gateway, nodes: this.#counted(gateway) }));
    return all.filter(({ nodes }) => nodes.length > 0);
  }

  #counted(gateway: string): string[] {
    return [...(this.#gateways.get(gateway) ?? [])].filter(([, { counted }]) => counted).map(([name]) => name);
  }

  /** A bus that has just come back needs a moment to tell what is newest. */
  #goneBootMs({ counted, live, sinceBootMs }: Peer): number | null {
    if (!counted || live || this.#busBootMs === null) return null;
    return Math.max(sinceBootMs, this.#busBootMs) + NODE_GONE_MS;
  }
}

/** The part of a limit: parts of all nodes add up to it, but for nobody's being less than 1; null stays null. */
export function partOf<Limit extends number | null>(limit: Limit, { nodes, position }: NodeShare): Limit {
  if (limit === null) return limit;
  const part = Math.floor(limit / nodes) + (position < limit % nodes ? 1 : 0);
  return Math.max(1, part) as Limit;
}
