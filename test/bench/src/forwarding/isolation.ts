import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { InsideMessage } from '../enforcement/isolation.js';
import type { BenchmarkContext, Outcome } from '../harness/benchmark.js';
import { PACKET_GENERATOR } from '../harness/paths.js';

const INSIDE = fileURLToPath(new URL('./inside.js', import.meta.url));
const TOOLS = { nft: 'nftables', ip: 'iproute2', ethtool: 'ethtool', nsenter: 'util-linux', taskset: 'util-linux' };
const TOOL_DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** What is measured with a balancer's kernel in namespaces of its own. */
export type Measurement = 'rates' | 'ejection' | 'reload' | 'process';

/** Whether a program is installed. */
export function hasTool(name: string): boolean {
  return TOOL_DIRECTORIES.some((directory) => existsSync(`${directory}/${name}`));
}

/** Why a balancer can't be measured here; null if it can. */
export function obstacleOfBalancer(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces and XDP need root on Linux';
  const missing = Object.entries(TOOLS).filter(([tool]) => !hasTool(tool));
  if (missing.length > 0) return `Debian packages missing: ${missing.map(([, name]) => name).join(', ')}`;
  return existsSync(PACKET_GENERATOR) ? null : `${PACKET_GENERATOR} is missing: build it with cargo build --release`;
}

/** Runs a measurement in network and mount namespaces of its own, which go away with their last process. */
export async function measureApart(measurement: Measurement, context: BenchmarkContext): Promise<readonly Outcome[]> {
  const command = [process.execPath, INSIDE, measurement, context.directory];
  const child = spawn('unshare', ['--net', '--mount', '--fork', '--kill-child', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
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
