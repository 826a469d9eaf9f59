import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../../../scripts/peers.mjs', import.meta.url));

/** A program of `scripts/peers.mjs`: where it lies, or why tests that need it are skipped. */
export interface PeerProgram {
  readonly path: string | null;
  /** To be put behind the name of what is skipped; empty where it is there. */
  readonly reason: string;
}

/** Looks for a program by its name in the list of peers. */
export function peerProgram(name: string): PeerProgram {
  const { status, stdout } = spawnSync(process.execPath, [script, 'where', name], { encoding: 'utf8' });
  return status === 0
    ? { path: stdout.trim(), reason: '' }
    : { path: null, reason: ` (skipped: ${name} is not installed; pnpm peers:install ${name})` };
}
