import type { TrackNamespace } from '../model/names.js';
import type { Vi64 } from '../model/vi64.js';
import { readNamespace, writeNamespace } from '../wire/names.js';
import type { MessageCodec } from './message.js';
import { type MessageParameters, readParameters, writeParameters } from './parameters.js';

/** PUBLISH_NAMESPACE (draft-18 §10.15): the sender has tracks under a namespace. */
export interface PublishNamespaceMessage {
  readonly kind: 'publish-namespace';
  readonly requestId: Vi64;
  readonly namespace: TrackNamespace;
  readonly parameters: MessageParameters;
}

/** How PUBLISH_NAMESPACE is serialized. */
export const publishNamespace: MessageCodec<PublishNamespaceMessage> = {
  kind: 'publish-namespace',
  code: 0x6,
  encode(writer, message, parameters) {
    writer.vi64(message.requestId);
    writeNamespace(writer, message.namespace);
    writeParameters(writer, parameters, 'publish-namespace', message.parameters);
  },
  decode(reader, parameters) {
    return {
      kind: 'publish-namespace',
      requestId: reader.vi64(),
      namespace: readNamespace(reader),
      parameters: readParameters(reader, parameters, 'publish-namespace'),
    };
  },
};
