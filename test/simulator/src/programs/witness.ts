import { type Client, type StoredValue, SubscriptionError } from '@higgins/client';
import { formatPath, type StateSignal } from '@higgins/signals';
import type { ProcessContext } from '../frame/node.js';

/**
 * Tells of every object of a state track that a client takes for the newest, from the feed that the client's other
 * subscribers have.
 */
export async function witness<Params, Value>(
  client: Client,
  signal: StateSignal<Params, Value>,
  params: Params,
  { node, observe, note }: Pick<ProcessContext, 'node' | 'observe' | 'note'>,
): Promise<void> {
  const subscription = client.subscribe(signal, params);
  const track = formatPath(subscription.name);
  let known: string | null = null;
  const see = (stored: StoredValue<Value> | null) => {
    if (stored === null || stored.value === null) return;
    // An update that tells of time passing, not of an object, is nothing that was received.
    const received = `${stored.group} ${stored.deadlineBootMs}`;
    if (received === known) return;
    known = received;
    const payload = heldPayload(client, stored) ?? signal.encode(stored.value);
    observe({ kind: 'received', node: node.name, track, group: stored.group, payload });
  };
  see(subscription.current);
  try {
    for await (const { current } of subscription) see(current);
  } catch (error) {
    if (!(error instanceof SubscriptionError)) throw error;
    note(`the subscription to ${track} is over: ${error.message}`);
  }
}

/** Null when two objects came in one breath: the store is ahead of the update, whose value then stands for its bytes. */
function heldPayload<Value>({ store }: Client, { name, group }: StoredValue<Value>): Uint8Array | null {
  const held = store.get(name);
  return held?.place.group === group && held.content.kind === 'payload' ? held.content.payload : null;
}
