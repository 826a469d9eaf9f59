import type { Runtime } from '@higgins/runtime';

/**
 * Runs something with a signal that aborts after `limitMs` of the boot clock, or as soon as `stopping` does.
 *
 * The result is that of `run`, which has to heed the signal: nothing is given up behind its back.
 */
export async function withinTime<Result>(
  runtime: Pick<Runtime, 'bootMs' | 'at'>,
  limitMs: number,
  run: (signal: AbortSignal) => Promise<Result>,
  stopping?: AbortSignal,
): Promise<Result> {
  const late = new AbortController();
  const timer = runtime.at(runtime.bootMs() + limitMs, () => late.abort(new Error(`not done within ${limitMs} ms`)));
  try {
    return await run(stopping === undefined ? late.signal : AbortSignal.any([stopping, late.signal]));
  } finally {
    timer[Symbol.dispose]();
  }
}
