import { protocolViolation, RequestErrorCode, StreamResetCode } from '../errors.js';
import type { Message } from '../messages/message.js';
import { hasPrefix, type TrackNamespace } from '../model/names.js';
import { joinedNamespace } from '../wire/names.js';
import type { RequestId, RequestUpdateParameters } from './contract.js';
import { OwnPrefixRequest } from './own-prefix-request.js';
import type { SessionState } from './state.js';

/** What a namespace costs beyond the bytes of its fields. */
const NAMESPACE_OVERHEAD_BYTES = 64;

/**
 * A SUBSCRIBE_NAMESPACE of ours (draft-18 §6.1, §10.18). Each `namespace` notice is followed by its `namespace-done`, at
 * the latest when the peer ends the request.
 */
export class OwnNamespaceSubscription extends OwnPrefixRequest {
  /** What is published, by key. */
  readonly #active = new Map<string, TrackNamespace>();

  constructor(state: SessionState, id: RequestId, message: Uint8Array, prefix: TrackNamespace) {
    super(state, id, 'subscribe-namespace', message, prefix);
  }

  protected override later(message: Message): void {
    if (message.kind === 'namespace') this.#published(joinedNamespace(this.prefix, message.suffix, 0));
    else if (message.kind === 'namespace-done') this.#done(joinedNamespace(this.prefix, message.suffix, 0));
    else super.later(message);
  }

  // What lies outside of the new prefix can't be named any more, so nothing would tell of its end.
  protected override updateAccepted(parameters: RequestUpdateParameters): void {
    super.updateAccepted(parameters);
    for (const namespace of this.#active.values()) {
      if (!hasPrefix(namespace, this.prefix)) this.#gone(namespace);
    }
  }

  protected override closed(code: number | null): void {
    this.#allGone();
    super.closed(code);
  }

  protected override dispose(): void {
    for (const namespace of this.#active.values()) this.state.namespaces.give(costOf(namespace));
    this.#active.clear();
  }

  #published(namespace: TrackNamespace): void {
    if (this.#active.has(namespace.key)) return;
    if (!this.state.namespaces.take(costOf(namespace))) {
      this.#flooded();
      return;
    }
    this.#active.set(namespace.key, namespace);
    this.state.notice({ kind: 'namespace', request: this.id, namespace });
  }

  #done(namespace: TrackNamespace): void {
    if (!this.#active.has(namespace.key)) throw protocolViolation('NAMESPACE_DONE without its NAMESPACE');
    this.#gone(namespace);
  }

  #gone(namespace: TrackNamespace): void {
    this.#active.delete(namespace.key);
    this.state.namespaces.give(costOf(namespace));
    this.state.notice({ kind: 'namespace-done', request: this.id, namespace });
  }

  #allGone(): void {
    for (const namespace of this.#active.values()) this.#gone(namespace);
  }

  #flooded(): void {
    const reason = `namespaces pass the ${this.state.limits.namespaceBytesMax} bytes that are kept`;
    this.#allGone();
    this.cancel(StreamResetCode.EXCESSIVE_LOAD);
    this.notifyError({ code: RequestErrorCode.EXCESSIVE_LOAD, reason, retryIntervalMs: null });
  }
}

function costOf(namespace: TrackNamespace): number {
  return namespace.key.length + NAMESPACE_OVERHEAD_BYTES;
}
