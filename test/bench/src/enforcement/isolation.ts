import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BenchmarkContext, Outcome } from '../harness/benchmark.js';
import { obstacleOfNetwork } from '../harness/paths.js';

const INSIDE = fileURLToPath(new URL('./inside.js', import.meta.url));
const TOOLS = ['unshare', 'nsenter', 'ip', 'nft'];
const TOOL_DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The measurements that need PoPs with kernels to enforce in. */
export type Measurement = 'commit' | 'expiry';

/** Why PoPs cannot be made here; null if they can. */
export function obstacleOfEnforcement(): string | null {
  const missing = TOOLS.filter((tool) => !TOOL_DIRECTORIES.some((directory) => existsSync(`${directory}/${tool}`)));
  if (missing.length > 0) return `${missing.join(', ')} not found: install nftables, iproute2 and util-linux`;
  return obstacleOfNetwork();
}

/**
 * Runs a measurement inside namespaces of its own, so that nothing of it reaches the machine's network and everything
 * goes away with its last process, whoever runs it.
 */
export async function measureInside(measurement: Measurement, context: BenchmarkContext): Promise<readonly Outcome[]> {
  const unprivileged = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const isolation = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const child = spawn(
    'unshare',
    [...unprivileged, ...isolation, process.execPath, INSIDE, measurement, context.directory],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let outcomes: readonly Outcome[] | null = null;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as InsideMessage;
    if (message.kind === 'progress') context.progress(message.text);
    else outcomes = message.outcomes;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  if (code !== 0 || outcomes === null) throw new Error(`the measurement ended with ${code}; its reason stands above`);
  return outcomes;
}

/** What the program inside prints, one line of JSON each. */
export type InsideMessage =
  | { readonly kind: 'progress'; readonly text: string }
  | { readonly kind: 'outcomes'; readonly outcomes: readonly Outcome[] };
