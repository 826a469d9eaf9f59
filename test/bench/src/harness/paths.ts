import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../../', import.meta.url);

/** The command that runs the `higgins` command line of this tree. */
export const HIGGINS: readonly string[] = [process.execPath, pathOf('packages/cli/dist/main.js')];

/** The command that runs the relay of this tree. */
export const RELAY: readonly string[] = [process.execPath, pathOf('relay/dist/main.js')];

/** The native load client of this tree. */
export const LOAD_CLIENT = pathOf('target/release/higgins-load-client');

/** The packet generator of this tree. */
export const PACKET_GENERATOR = pathOf('target/release/higgins-packet-generator');

/** Why the measurements over real QUIC cannot run here; null if they can. */
export function obstacleOfNetwork(): string | null {
  if (process.platform !== 'linux') return 'CPU time and memory are read from /proc, which Linux has';
  return existsSync(LOAD_CLIENT) ? null : `${LOAD_CLIENT} is missing: build it with cargo build --release`;
}

function pathOf(path: string): string {
  return fileURLToPath(new URL(path, root));
}
