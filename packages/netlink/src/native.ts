import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { AddonError } from './errors.js';
import type { MemberProbe } from './probe.js';

/** The addon's face; everything here is checked and typed by the modules that use it. */
export interface NativeNetlink {
  readonly batchBytesMax: number;
  generation(): Promise<NativeAnswer>;
  commit(family: number, table: string, operations: readonly object[], generation?: number): Promise<NativeAnswer>;
  encodedBytes(family: number, table: string, operations: readonly object[]): number;
  snapshot(family: number, table: string, sets: readonly { set: string; layout: string }[]): Promise<NativeAnswer>;
  countFlows(filter: object): Promise<NativeAnswer>;
  deleteFlows(filter: object): Promise<NativeAnswer>;
  countFlowsByMark(filter: object): Promise<NativeAnswer>;
  counters(family: number, table: string): Promise<NativeAnswer>;
  structure(family: number, table: string): Promise<NativeAnswer>;
}

/** Either a failure or what was asked for. */
export interface NativeAnswer {
  readonly failure?: { readonly errno: number; readonly operation?: number; readonly message: string };
  readonly number?: number;
  readonly generation?: number;
  readonly sets?: readonly NativeSet[];
  readonly counters?: { readonly names: string[]; readonly packets: Float64Array; readonly bytes: Float64Array };
  readonly marks?: readonly number[];
  readonly structure?: {
    readonly chains: string[];
    readonly sets: string[];
    readonly maps: string[];
    readonly objects: string[];
    readonly objectTypes: number[];
    readonly rules: Uint8Array;
  };
}

export interface NativeSet {
  readonly keys: Uint8Array;
  readonly keyBytes: number;
  readonly timeoutsMs: Float64Array;
  readonly expiresMs: Float64Array;
  readonly values?: Uint8Array;
  readonly verdicts?: string[];
}

/** The XDP half of the addon. */
export interface NativeXdp {
  apply(services: readonly NativeXdpService[]): Promise<NativeXdpAnswer>;
  verify(): Promise<NativeXdpAnswer>;
  counters(): Promise<NativeXdpAnswer>;
  remove(): Promise<NativeXdpAnswer>;
  run(frame: Uint8Array, device: string): NativeXdpAnswer;
}

export interface NativeXdpService {
  readonly id: string;
  readonly family: number;
  readonly protocol: number;
  readonly port: number;
  readonly devices: readonly string[];
  readonly addresses: Uint8Array;
  readonly seed: number;
  readonly fields: readonly string[];
  readonly sourceBits?: number;
  readonly routed: boolean;
  readonly members: readonly { name: string; address?: Uint8Array; device?: string; mac?: Uint8Array }[];
  readonly slots: Uint16Array;
}

/** Either a failure or what was asked for. */
export interface NativeXdpAnswer {
  readonly failure?: { readonly errno: number; readonly message: string };
  readonly program?: boolean;
  readonly tables?: number;
  readonly differences?: readonly string[];
  readonly counts?: readonly { service: string; member: string; packets: number; bytes: number }[];
  readonly passed?: readonly number[];
  readonly verdict?: number;
  readonly frame?: Uint8Array;
  readonly devices?: readonly { name: string; receives: boolean; transmits: boolean }[];
}

/** Either a failure or what was asked for. */
export interface NativeRoutingAnswer {
  readonly failure?: { readonly errno: number; readonly message: string };
  readonly links?: readonly { index: number; name: string; ethernet: boolean; up: boolean; mac: Uint8Array }[];
  readonly way?: { device: number; gateway?: string; source?: string; local: boolean };
  readonly neighbours?: readonly { device: number; address: string; mac: Uint8Array }[];
  readonly routes?: readonly { family: number; mark: number; device: number; gateway: string }[];
}

/** Either a failure or what was seen. */
export interface NativeProbeAnswer {
  readonly failure?: { readonly errno: number; readonly message: string };
  readonly evidence?: readonly {
    readonly present: boolean;
    readonly served: boolean;
    readonly refused: boolean;
    readonly servedFrom?: string;
    readonly alive: boolean;
    readonly rejectedBy?: string;
    readonly returned: boolean;
    readonly claimed: boolean;
    readonly obstacle?: string;
  }[];
}

interface Addon {
  probeObstacle(): string | null;
  probeMembers(probes: readonly MemberProbe[], windowMs: number): Promise<NativeProbeAnswer>;
  routingLinks(): NativeRoutingAnswer;
  routingWayTo(address: string): NativeRoutingAnswer;
  routingNeighbours(): NativeRoutingAnswer;
  routingMarkedRoutes(): NativeRoutingAnswer;
  routingAddMarkedRoute(route: object): NativeRoutingAnswer;
  routingRemoveMarkedRoute(family: number, mark: number): NativeRoutingAnswer;
  readonly NativeNetlink: new (sendBufferBytes?: number) => NativeNetlink;
  readonly NativeXdp: {
    new (directory: string, isGeneric: boolean): NativeXdp;
    obstacle(): string | null;
    devices(): NativeXdpAnswer;
  };
}

let loaded: Addon | undefined;

/**
 * The addon: the prebuilt one of the platform's package, else the one built in this clone. Loaded once.
 *
 * @throws AddonError if there is neither
 */
export function loadAddon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  const require = createRequire(import.meta.url);
  const platformPackage = `@higgins/netlink-${process.platform}-${process.arch}`;
  try {
    return require(platformPackage) as Addon;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND')
      throw new AddonError(reason(error), { cause: error });
  }
  const local = fileURLToPath(new URL('../higgins-netlink.node', import.meta.url));
  if (!existsSync(local)) {
    throw new AddonError(
      `the netlink addon is missing: neither the package ${platformPackage} nor ${local} is there; in a clone, run pnpm build`,
    );
  }
  try {
    return require(local) as Addon;
  } catch (error) {
    throw new AddonError(reason(error), { cause: error });
  }
}

function reason(error: unknown): string {
  return `the netlink addon can't be loaded: ${error instanceof Error ? error.message : String(error)}`;
}
