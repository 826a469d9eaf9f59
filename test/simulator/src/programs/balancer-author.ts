import type { GatewayConfiguration } from '@higgins/signals';
import type { VirtualDataPath } from './balancer-kernel.js';
import { MEMBER_PORT } from './balancer-member.js';

/** A member that configurations may have. */
export interface MemberPlace {
  readonly name: string;
  readonly address: string;
}

/** How the pools' members are checked. */
export const CHECK = { type: 'tcp', intervalMs: 2_000, timeoutMs: 1_000, rise: 2, fall: 2 } as const;
/** How long the pool that looks at real connections ejects a member, at most. */
export const EJECTION_MS_MAX = 6_000;
/** The address of both listeners. */
export const LISTENER_ADDRESS = '192.0.2.1';

/** The version of a configuration stands in the kernel as so much more idle time. */
const IDLE_MS = 60_000;

/**
 * The people behind a gateway: which load balancing they want and in which version, whatever becomes of publishers. A
 * version that a crash swallowed is not used again.
 */
export class GatewayAuthor {
  readonly gateway = { org: 'acme', gateway: 'shop' } as const;
  readonly track = 'org/acme/l4lb/shop/desired';
  readonly #members: readonly MemberPlace[];
  readonly #groups = new Map<number, number>();
  #next = 0;
  #newest = 0;

  constructor(members: readonly MemberPlace[]) {
    this.#members = members;
  }

  /** The newest version that became visible; 0: none. */
  get version(): number {
    return this.#newest;
  }

  /** The next version; its members follow from the version. */
  write(nowWallMs: number): GatewayConfiguration {
    this.#next += 1;
    const version = this.#next;
    const configuration = JSON.stringify(this.#document(version));
    return { owner: this.gateway.org, version, createdWallMs: Math.floor(nowWallMs), configuration };
  }

  /** A version became visible in this group. */
  committed(version: number, group: number): void {
    if (!this.#groups.has(version)) this.#groups.set(version, group);
    this.#newest = Math.max(version, this.#newest);
  }

  /** The group in which a version became visible. */
  groupOf(version: number): number {
    return this.#groups.get(version) ?? 0;
  }

  /** Names of the members of a version. */
  membersOf(version: number): readonly MemberPlace[] {
    // One of them is away, another in each version; in some versions nobody is.
    return this.#members.filter((_, index) => index !== (version * 3) % (this.#members.length + 2));
  }

  /** The version that a kernel has; null: none. */
  versionIn(kernel: VirtualDataPath): number | null {
    for (const { idleMs } of kernel.services()) if (idleMs !== null) return idleMs - IDLE_MS;
    return null;
  }

  #document(version: number): object {
    const members = this.membersOf(version).map(({ name, address }) => ({ name, host: address, port: MEMBER_PORT }));
    const listener = (name: string, port: number) => ({
      ...{ name, protocol: 'tcp', port, rules: [{ pool: name }], limits: { connectionsPerSecond: 3_000 } },
      timeouts: { idleMs: IDLE_MS + version, connectMs: 1_000 },
    });
    const passiveCheck = { consecutiveFailures: 3, ejectionMs: EJECTION_MS_MAX / 2, ejectionMsMax: EJECTION_MS_MAX };
    const pool = { members, tableSize: 251, activeCheck: CHECK };
    return {
      loadBalancers: [
        {
          ...{ owner: this.gateway.org, name: this.gateway.gateway, addresses: [LISTENER_ADDRESS] },
          listeners: [listener('web', 80), listener('api', 443)],
          pools: [
            { ...pool, name: 'web', passiveCheck },
            { ...pool, name: 'api', algorithm: 'source-hash', whenNoneHealthy: 'fail-open' },
          ],
        },
      ],
    };
  }
}
