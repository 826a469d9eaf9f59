import type { TrackNamespace } from '../model/names.js';
import type { Vi64 } from '../model/vi64.js';
import { readNamespace, writeNamespace } from '../wire/names.js';
import type { MessageCodec } from './message.js';
import { type MessageParameters, readParameters, writeParameters } from './parameters.js';

/** SUBSCRIBE_NAMESPACE (draft-18 §10.18): asks which namespaces are published under a prefix. */
export interface SubscribeNamespaceMessage {
  readonly kind: 'subscribe-namespace';
  readonly requestId: Vi64;
  readonly prefix: TrackNamespace;
  readonly parameters: MessageParameters;
}

/** How SUBSCRIBE_NAMESPACE is serialized. */
export const subscribeNamespace: MessageCodec<SubscribeNamespaceMessage> = {
  kind: 'subscribe-namespace',
  code: 0x50,
  encode(writer, message, parameters) {
    writer.vi64(message.requestId);
    writeNamespace(writer, message.prefix);
    writeParameters(writer, parameters, 'subscribe-namespace', message.parameters);
  },
  decode(reader, parameters) {
    return {
      kind: 'subscribe-namespace',
      requestId: reader.vi64(),
      prefix: readNamespace(reader),
      parameters: readParameters(reader, parameters, 'subscribe-namespace'),
    };
  },
};
