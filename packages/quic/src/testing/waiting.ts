import { setImmediate } from 'node:timers/promises';

/** What any wait of these tests may take on a loaded machine. */
const BOUND_MS = 20_000;

/** Waits for a condition, looking again at each turn of the event loop; rejects, naming `what`, past the bound. */
export async function waitFor(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + BOUND_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`in vain: ${what}`);
    await setImmediate();
  }
}

/** A promise's outcome within the bound. */
export async function settle<Value>(promise: Promise<Value>): Promise<Value> {
  let done = false;
  const finish = () => {
    done = true;
  };
  promise.then(finish, finish);
  await waitFor(() => done, 'a promise settles');
  return promise;
}
