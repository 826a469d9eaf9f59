/**
 * Calls back when the signal is aborted; returns what takes that back. However many wait for one signal, each costs the
 * same: the signal's own listeners are a list that is searched from its beginning for every one that comes or goes.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = CALLBACKS.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => void callbacks.delete(callback);
}

const CALLBACKS = new WeakMap<AbortSignal, Set<() => void>>();

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  CALLBACKS.set(signal, callbacks);
  const abort = () => {
    for (const callback of callbacks) callback();
    callbacks.clear();
  };
  signal.addEventListener('abort', abort, { once: true });
  return callbacks;
}
