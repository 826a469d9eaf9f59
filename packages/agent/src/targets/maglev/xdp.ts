import { existsSync, readlinkSync } from 'node:fs';
import { type Counted, NetlinkError, Xdp, type XdpCount, xdpDevices, xdpObstacle } from '@higgins/netlink';
import { NftError } from '../nft/errors.js';
import type { DesiredService } from './model.js';
import type { Surroundings } from './surroundings.js';
import { obstacleOf, type XdpMeans, xdpServiceOf } from './xdp-services.js';

/** Where and how services are accelerated. */
export interface XdpAccelerationOptions {
  /** In a BPF file system; this balancer's alone. */
  readonly directory: string;
  /** `generic` works on every device and gains nothing. Default `native`. */
  readonly mode?: 'native' | 'generic';
}

/** Packets and bytes by service and member. */
type Counts = ReadonlyMap<string, ReadonlyMap<string, Counted>>;

/** The directory of a balancer's table in the process's network namespace: other namespaces share the file system. */
export function xdpDirectory(table: string): string {
  const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? 'unknown';
  return `/sys/fs/bpf/higgins/${namespace}/${table}`;
}

/**
 * Serves services with direct server return in XDP, before the nftables rules for the same services see their packets.
 * Those rules stay: they take what the program lets pass, and choose the same members.
 *
 * The program bypasses whatever else the host does with these packets: firewall rules, connection tracking, captures.
 */
export class XdpAcceleration {
  readonly #directory: string;
  readonly #mode: 'native' | 'generic';
  #xdp: Xdp | null = null;
  #refused: ReadonlyMap<string, string> = new Map();
  /** What programs counted that are not there any more. */
  #past: Counts = new Map();

  constructor({ directory, mode = 'native' }: XdpAccelerationOptions) {
    this.#directory = directory;
    this.#mode = mode;
  }

  /** Services that asked for acceleration and don't have it, with the reason, as of the last application. */
  get refused(): ReadonlyMap<string, string> {
    return this.#refused;
  }

  /**
   * Refuses services that require what they can't have; changes nothing.
   *
   * @throws NftError `refused`
   */
  check(services: readonly DesiredService[], surroundings: Surroundings): void {
    refuseRequired(services, this.#obstacles(services, surroundings));
  }

  /**
   * Accelerates those services that ask for it and can have it, and no others. To be called when the nftables rules of
   * the same services are in force: if the kernel refuses, nothing is accelerated any more, so that nothing is served by
   * tables that have changed since.
   *
   * @returns whether anything changed
   * @throws NftError `refused`, as `check`
   * @throws NetlinkError if the kernel refuses and a service requires it
   */
  async apply(services: readonly DesiredService[], surroundings: Surroundings): Promise<boolean> {
    const refused = this.#obstacles(services, surroundings);
    refuseRequired(services, refused);
    this.#past = new Map([...this.#past].filter(([id]) => services.some((service) => service.id === id)));
    const chosen = services.filter(({ id, acceleration }) => acceleration !== 'off' && !refused.has(id));
    try {
      const changed = await this.#carryOut(chosen, surroundings);
      this.#refused = refused;
      return changed;
    } catch (error) {
      await this.flush();
      if (!(error instanceof NetlinkError) || chosen.some(({ acceleration }) => acceleration === 'require'))
        throw error;
      this.#refused = new Map([...refused, ...chosen.map(({ id }): [string, string] => [id, error.message])]);
      return true;
    }
  }

  /** What is not as it was applied, in words. */
  async verify(): Promise<readonly string[]> {
    return this.#xdp ? await this.#xdp.verify() : [];
  }

  /** What the program does with a frame that a device received; null if nothing is accelerated. Counters count it. */
  run(frame: Uint8Array, device: string): ReturnType<Xdp['run']> | null {
    return this.#xdp?.run(frame, device) ?? null;
  }

  /** By service and member; they count on until the process ends. */
  async counters(): Promise<Counts> {
    return this.#xdp ? added(this.#past, (await this.#xdp.counters()).members) : this.#past;
  }

  /** Takes the program off all devices. */
  async flush(): Promise<void> {
    const xdp = this.#xdp ?? (existsSync(this.#directory) ? this.#open() : null);
    this.#past = await this.counters();
    this.#xdp = null;
    await xdp?.remove();
  }

  async #carryOut(services: readonly DesiredService[], surroundings: Surroundings): Promise<boolean> {
    if (services.length === 0) {
      const wasThere = this.#xdp !== null || existsSync(this.#directory);
      await this.flush();
      return wasThere;
    }
    this.#xdp ??= this.#open();
    const wanted = services.map((service) => xdpServiceOf(service, surroundings));
    const { program, tables } = await this.#xdp.apply(wanted);
    return program || tables > 0;
  }

  #obstacles(services: readonly DesiredService[], surroundings: Surroundings): Map<string, string> {
    const asking = services.filter(({ acceleration }) => acceleration !== 'off');
    if (asking.length === 0) return new Map();
    const missing = xdpObstacle();
    const means: XdpMeans = { surroundings, devices: missing === null ? xdpDevices() : [], mode: this.#mode };
    const reasons = asking.map((service): [string, string | null] => [
      service.id,
      missing ?? obstacleOf(service, means),
    ]);
    return new Map(reasons.filter((each): each is [string, string] => each[1] !== null));
  }

  #open(): Xdp {
    return new Xdp({ directory: this.#directory, mode: this.#mode });
  }
}

function added(before: Counts, now: readonly XdpCount[]): Counts {
  const sums = new Map([...before].map(([service, members]) => [service, new Map(members)]));
  for (const { service, member, packets, bytes } of now) {
    const members = sums.get(service) ?? new Map<string, Counted>();
    const past = members.get(member) ?? { packets: 0, bytes: 0 };
    sums.set(service, members.set(member, { packets: past.packets + packets, bytes: past.bytes + bytes }));
  }
  return sums;
}

function refuseRequired(services: readonly DesiredService[], obstacles: ReadonlyMap<string, string>): void {
  for (const { id, acceleration } of services) {
    const reason = obstacles.get(id);
    if (acceleration === 'require' && reason !== undefined)
      throw new NftError('refused', `service ${id} requires XDP: ${reason}`);
  }
}
