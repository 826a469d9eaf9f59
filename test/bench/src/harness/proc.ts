import { readdirSync, readFileSync } from 'node:fs';

/** CPU time that a process has used, in µs (Linux, /proc/PID/task/TID/schedstat). */
export interface CpuTime {
  /** All threads. */
  readonly total: number;
  /** The thread that runs JavaScript; the rest is native I/O and garbage collection. */
  readonly main: number;
}

/** The CPU time of a process so far. */
export function cpuTime(pid: number): CpuTime {
  const threads = readdirSync(`/proc/${pid}/task`).map((task) => ({ task, used: microseconds(pid, task) }));
  return {
    total: threads.reduce((sum, { used }) => sum + used, 0),
    main: threads.find(({ task }) => task === String(pid))?.used ?? 0,
  };
}

/** Memory of a process that no other shares, in bytes (Linux, Private_* of /proc/PID/smaps_rollup). */
export function privateBytes(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('Private_'))
    .reduce((sum, line) => sum + Number(/(\d+) kB/.exec(line)?.[1] ?? 0) * 1024, 0);
}

function microseconds(pid: number, task: string): number {
  return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ', 1)[0]) / 1000;
}
