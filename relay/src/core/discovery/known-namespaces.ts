import type { TrackNamespace } from '@higgins/protocol';
import { NamespaceTree } from '../namespace-tree.js';
import type { RelayContext } from '../relay-context.js';

/**
 * Every namespace that is published as far as this relay knows, by whomever: announced here, or told of by an upstream.
 * Those who are interested hear of it when the first of its publishers comes and when the last one goes.
 */
export class KnownNamespaces {
  readonly #counts = new Map<string, number>();
  readonly #tree = new NamespaceTree<TrackNamespace>();
  readonly #byKey = new Map<string, TrackNamespace>();

  /** One more publishes it. */
  add(context: RelayContext, namespace: TrackNamespace): void {
    const { key } = namespace;
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    if (count > 0) return;
    this.#byKey.set(key, namespace);
    this.#tree.add(namespace, namespace);
    context.interests.namespacePublished(context, namespace);
  }

  /** One less does. */
  remove(context: RelayContext, { key }: TrackNamespace): void {
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) {
      this.#counts.set(key, count - 1);
      return;
    }
    const namespace = this.#byKey.get(key);
    if (namespace === undefined) return;
    this.#counts.delete(key);
    this.#byKey.delete(key);
    this.#tree.remove(namespace, namespace);
    context.interests.namespaceDone(context, namespace);
  }

  /** Those that start with the prefix, itself included. */
  under(prefix: TrackNamespace): Iterable<TrackNamespace> {
    return this.#tree.startingWith(prefix);
  }
}
