import { hasPrefix, type TrackNamespace } from '../model/names.js';
import { PeerPrefixRequest } from './peer-prefix-request.js';
import type { OpenedRequest } from './peer-request.js';
import type { SessionState } from './state.js';

/** A SUBSCRIBE_NAMESPACE of the peer's, which we tell what is published (draft-18 §6.1, §10.18). */
export class PeerNamespaceSubscription extends PeerPrefixRequest {
  /** What the peer knows to be published, by key. */
  readonly #announced = new Map<string, TrackNamespace>();

  constructor(state: SessionState, opened: OpenedRequest, prefix: TrackNamespace) {
    super(state, opened, 'subscribe-namespace', state.namespacePrefixes, prefix);
  }

  published(namespace: TrackNamespace): void {
    if (this.#announced.has(namespace.key)) return;
    this.send({ kind: 'namespace', suffix: this.suffixOf(namespace) }, false);
    this.#announced.set(namespace.key, namespace);
  }

  /** NAMESPACE_DONE never comes without its NAMESPACE. */
  done(namespace: TrackNamespace): void {
    const suffix = this.suffixOf(namespace);
    if (this.#announced.delete(namespace.key)) this.send({ kind: 'namespace-done', suffix }, false);
  }

  // No suffix can name what lies outside of the new prefix.
  protected override prefixChanged(): void {
    for (const [key, namespace] of this.#announced) {
      if (!hasPrefix(namespace, this.prefix)) this.#announced.delete(key);
    }
  }
}
