import type { TrackNamespace } from '../model/names.js';
import { readNamespace, writeNamespace } from '../wire/names.js';
import type { MessageCodec } from './message.js';

/** NAMESPACE (draft-18 §10.16): a namespace under a SUBSCRIBE_NAMESPACE is being published. */
export interface NamespaceMessage {
  readonly kind: 'namespace';
  /** What follows the prefix that was subscribed to. */
  readonly suffix: TrackNamespace;
}

/** NAMESPACE_DONE (draft-18 §10.17): it is not any more. */
export interface NamespaceDoneMessage {
  readonly kind: 'namespace-done';
  readonly suffix: TrackNamespace;
}

/** How NAMESPACE is serialized. */
export const namespace: MessageCodec<NamespaceMessage> = {
  kind: 'namespace',
  code: 0x8,
  encode: (writer, message) => writeNamespace(writer, message.suffix),
  decode: (reader) => ({ kind: 'namespace', suffix: readNamespace(reader) }),
};

/** How NAMESPACE_DONE is serialized. */
export const namespaceDone: MessageCodec<NamespaceDoneMessage> = {
  kind: 'namespace-done',
  code: 0xe,
  encode: (writer, message) => writeNamespace(writer, message.suffix),
  decode: (reader) => ({ kind: 'namespace-done', suffix: readNamespace(reader) }),
};
