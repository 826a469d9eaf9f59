import { NetlinkError } from './errors.js';
import { loadAddon, type NativeXdp, type NativeXdpAnswer, type NativeXdpService } from './native.js';
import { constructorError } from './netlink.js';
import type { XdpApplied, XdpCounters, XdpDevice, XdpHop, XdpService, XdpVerdict } from './xdp-services.js';

/** How the data path is had. */
export interface XdpOptions {
  /**
   * Where attachments are kept so that they outlive the process: a directory of this owner's alone in a BPF file system,
   * made where missing. `/sys/fs/bpf` is mounted if it is not. Whatever is pinned in it belongs to this owner.
   */
  readonly directory: string;
  /** `native`: the driver runs the program. `generic`: the kernel does, on any device, and slower. Default `native`. */
  readonly mode?: 'native' | 'generic';
}

const EINVAL = 22;
const VERDICTS: readonly XdpVerdict[] = ['aborted', 'drop', 'pass', 'transmit', 'redirect'];

/** Why there is no XDP data path here, for people; null if there is one. Asks the kernel once per process. */
export function xdpObstacle(): string | null {
  return loadAddon().NativeXdp.obstacle() ?? null;
}

/**
 * The devices of the process's network namespace and what they can do; null where the kernel (before 6.3) does not tell.
 *
 * @throws NetlinkError
 */
export function xdpDevices(): readonly XdpDevice[] | null {
  return unwrap(loadAddon().NativeXdp.devices()).devices ?? null;
}

/**
 * Direct server return in XDP, in the network namespace that the process is in: packets to the services' addresses leave
 * for the member that the kernel's `jhash … mod … seed …` over the same key and slots gives. Whatever is not plainly
 * such a packet passes to the kernel.
 *
 * Attachments are pinned: the end of the process changes nothing, and the next one with the same directory takes over at
 * its first `apply` without a packet in between. Calls run on worker threads, one after the other, and reject with a
 * NetlinkError; an `apply` that rejects has changed nothing, unless a device went away meanwhile.
 */
export class Xdp {
  readonly #native: NativeXdp;

  /**
   * Opens the directory; changes nothing on the wire.
   *
   * @throws AddonError if the addon is missing
   * @throws NetlinkError if the directory can't be used
   */
  constructor({ directory, mode = 'native' }: XdpOptions) {
    const { NativeXdp } = loadAddon();
    try {
      this.#native = new NativeXdp(directory, mode === 'generic');
    } catch (error) {
      throw constructorError(error);
    }
  }

  /**
   * Makes it so that exactly these services are served. A service changes from one table to the next at once, and no
   * packet sees parts of both; where addresses or devices change, all services of a device do.
   */
  async apply(services: readonly XdpService[]): Promise<XdpApplied> {
    const { program = false, tables = 0 } = unwrap(await this.#native.apply(services.map(nativeOf)));
    return { program, tables };
  }

  /** Reads back and says in words what is not as it was applied last; empty if all is. */
  async verify(): Promise<readonly string[]> {
    return unwrap(await this.#native.verify()).differences ?? [];
  }

  async counters(): Promise<XdpCounters> {
    const { counts = [], passed = [] } = unwrap(await this.#native.counters());
    const [nobody = 0, route = 0, device = 0, fragment = 0, ttl = 0] = passed;
    return { members: counts, passed: { nobody, route, device, fragment, ttl } };
  }

  /**
   * Runs the program on a frame as if the device had received it, and returns what would leave. Nothing is sent, but
   * counters count. Synchronous: it takes microseconds.
   *
   * @throws NetlinkError `not-found` before the first `apply`
   */
  run(frame: Uint8Array, device: string): { readonly verdict: XdpVerdict; readonly frame: Uint8Array } {
    const answer = unwrap(this.#native.run(frame, device));
    return { verdict: VERDICTS[answer.verdict ?? 0] ?? 'aborted', frame: answer.frame ?? frame };
  }

  /** Takes the program off all devices and removes the directory; the object is of no use then. */
  async remove(): Promise<void> {
    unwrap(await this.#native.remove());
  }
}

function nativeOf(service: XdpService): NativeXdpService {
  const { addresses, sourcePrefixLength, members, ...rest } = service;
  const addressBytes = service.family === 4 ? 4 : 16;
  if (addresses.some(({ length }) => length !== addressBytes)) {
    throw new NetlinkError(EINVAL, null, `addresses of ${service.id}: expected ${addressBytes} bytes each`);
  }
  return {
    ...rest,
    addresses: Buffer.concat(addresses),
    ...(sourcePrefixLength === undefined ? {} : { sourceBits: sourcePrefixLength }),
    members: members.map(({ name, hop }) => ({ name, ...hopOf(hop) })),
  };
}

function hopOf(hop: XdpHop): { address: Uint8Array } | { device: string; mac: Uint8Array } {
  return hop.kind === 'route' ? { address: hop.address } : { device: hop.device, mac: hop.mac };
}

function unwrap(answer: NativeXdpAnswer): NativeXdpAnswer {
  if (!answer.failure) return answer;
  const { errno, message } = answer.failure;
  throw new NetlinkError(errno, null, message);
}
