import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Where and from what the figures come; without it they mean nothing. */
export interface Origin {
  readonly date: string;
  readonly command: string;
  readonly commit: string;
  readonly processor: string;
  readonly processors: number;
  readonly memoryMegabytes: number;
  /** Load average of the last minute before the run: on a machine with other work, latencies are not the product's. */
  readonly loadAverage: number;
  readonly kernel: string;
  readonly node: string;
}

/** Describes this machine and this run. */
export function originOfFigures(): Origin {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    command: `pnpm bench ${process.argv.slice(2).join(' ')}`.trim(),
    commit: commitOfTree(),
    processor: processors[0]?.model.trim() ?? 'unknown',
    processors: processors.length,
    memoryMegabytes: Math.round(totalmem() / 2 ** 20),
    loadAverage: Math.round(loadavg()[0]! * 100) / 100,
    kernel: release(),
    node: process.version,
  };
}

function commitOfTree(): string {
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { cwd, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'unknown commit';
  }
}
