import { readdirSync, readFileSync } from 'node:fs';

/** CPU time that a process has used on all its threads, in µs (Linux, /proc/PID/task/TID/schedstat). */
export function cpuMicroseconds(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  let nanoseconds = 0;
  for (const task of readdirSync(tasks)) {
    nanoseconds += Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ', 1)[0]);
  }
  return nanoseconds / 1000;
}

/** Memory of a process that no other shares, in bytes (Linux, Private_* of /proc/PID/smaps_rollup). */
export function privateBytes(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('Private_'))
    .reduce((sum, line) => sum + Number(/(\d+) kB/.exec(line)?.[1] ?? 0) * 1024, 0);
}
