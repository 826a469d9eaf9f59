import type { Runtime } from '@higgins/runtime';

/** Lets virtual time pass on a process's boot clock. Rejects with the signal's reason as soon as it is aborted. */
export async function pause(runtime: Pick<Runtime, 'bootMs' | 'at'>, ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = () => {
      timer[Symbol.dispose]();
      reject(signal?.reason);
    };
    const timer = runtime.at(runtime.bootMs() + ms, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}
