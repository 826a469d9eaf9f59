import { createRequire } from 'node:module';
import type { ConnectionLimits } from '@higgins/transport';

/** A running listener, as the addon describes it. */
export interface NativeListener {
  readonly id: number;
  readonly address: string;
  readonly port: number;
}

/** What a certificate change needs. */
export interface NativeReload {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly clientAuthoritiesPem?: string;
  readonly protocols: readonly string[];
  readonly limits: ConnectionLimits;
}

/** As `ListenOptions`, with a resolved address. */
export interface NativeListenOptions extends NativeReload {
  readonly address: string;
}

/** As `ConnectOptions`, with a resolved address. */
export interface NativeConnectOptions {
  readonly address: string;
  readonly serverName: string;
  readonly url?: string;
  readonly protocols: readonly string[];
  readonly authoritiesPem?: string;
  readonly systemAuthorities: boolean;
  readonly certificateHashes: readonly Uint8Array[];
  readonly insecure: boolean;
  readonly certificatePem?: string;
  readonly privateKeyPem?: string;
  readonly limits: ConnectionLimits;
}

/** The class that the addon exports; its thread runs from construction until `shutDown`. */
export interface NativeTransport {
  listen(options: NativeListenOptions): NativeListener;
  reload(listener: number, options: NativeReload): void;
  closeListener(listener: number): void;
  connect(options: NativeConnectOptions): number;
  newSet(): number;
  submit(numbers: Float64Array, count: number, payloads: readonly Uint8Array[]): void;
  takeCredit(connection: number, bidirectional: boolean): boolean;
  backlogBytes(connection: number): number;
  datagramBytes(connection: number): number;
  removeReceiver(set: number, connection: number, resetCode?: number): number;
  statistics(): number[];
  shutDown(): void;
  release(): void;
}

interface Addon {
  /** `receive` is told how many bytes of the inbox a batch of events takes, or gets one that it has no room for. */
  readonly NativeTransport: new (
    inbox: Uint8Array,
    receive: (length: number, large: Uint8Array | null) => void,
    retryHandshakes?: number,
  ) => NativeTransport;
}

const BUILT_HERE = '../higgins-quic.node';

let addon: Addon | undefined;

/**
 * Loads the addon: from the package for this platform if it is installed, else from this package, where a clone's
 * build puts it.
 *
 * @throws Error that names both places when neither has it.
 */
export function loadAddon(): Addon {
  addon ??= load();
  return addon;
}

function load(): Addon {
  const require = createRequire(import.meta.url);
  const prebuilt = platformPackage();
  const causes: unknown[] = [];
  for (const place of [prebuilt, BUILT_HERE]) {
    try {
      return require(place) as Addon;
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new AggregateError(
    causes,
    `the native addon of @higgins/quic is missing: install ${prebuilt}, or build packages/quic/higgins-quic.node with "node packages/quic/scripts/build.mjs" (${causes.map(firstLine).join('; ')})`,
  );
}

/** The npm package that carries the addon for this system, such as `@higgins/quic-linux-x64-gnu`. */
export function platformPackage(): string {
  const libc = process.platform === 'linux' ? (isMusl() ? '-musl' : '-gnu') : '';
  return `@higgins/quic-${process.platform}-${process.arch}${libc}`;
}

function isMusl(): boolean {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined;
}

function firstLine(cause: unknown): string {
  return String(cause instanceof Error ? cause.message : cause).split('\n', 1)[0] ?? '';
}
