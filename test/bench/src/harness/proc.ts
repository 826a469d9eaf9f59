import { readdirSync, readFileSync } from 'node:fs';

/** CPU time that a process has used, in µs (Linux, /proc/PID/task/TID/schedstat). */
export interface CpuTime {
  /** All threads. */
  readonly total: number;
  /** The thread that runs JavaScript, and sends what that decides. */
  readonly main: number;
  /** The threads of `@higgins/quic` that wait for the network; the rest is garbage collection and compilation. */
  readonly network: number;
}

/** The name of the transport's thread, as the kernel has it. */
const NETWORK_THREAD = 'higgins-quic';

/** The CPU time of a process so far. */
export function cpuTime(pid: number): CpuTime {
  const time = { total: 0, main: 0, network: 0 };
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const used = microseconds(pid, task);
    time.total += used;
    if (task === String(pid)) time.main += used;
    else if (nameOf(pid, task) === NETWORK_THREAD) time.network += used;
  }
  return time;
}

/** Memory of a process that no other shares, in bytes (Linux, Private_* of /proc/PID/smaps_rollup). */
export function privateBytes(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('Private_'))
    .reduce((sum, line) => sum + Number(/(\d+) kB/.exec(line)?.[1] ?? 0) * 1024, 0);
}

function nameOf(pid: number, task: string): string {
  return readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim();
}

function microseconds(pid: number, task: string): number {
  return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ', 1)[0]) / 1000;
}
