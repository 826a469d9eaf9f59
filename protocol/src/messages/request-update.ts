import type { Vi64 } from '../model/vi64.js';
import type { MessageCodec } from './message.js';
import { type MessageParameters, readParameters, writeParameters } from './parameters.js';

/** REQUEST_UPDATE (draft-18 §10.9): changes the parameters that it names, of the request whose stream it is on. */
export interface RequestUpdateMessage {
  readonly kind: 'request-update';
  readonly requestId: Vi64;
  readonly parameters: MessageParameters;
}

/** How REQUEST_UPDATE is serialized. */
export const requestUpdate: MessageCodec<RequestUpdateMessage> = {
  kind: 'request-update',
  code: 0x2,
  encode(writer, message, parameters, context) {
    writer.vi64(message.requestId);
    writeParameters(writer, parameters, context.updateScope, message.parameters);
  },
  decode(reader, parameters, context) {
    return {
      kind: 'request-update',
      requestId: reader.vi64(),
      parameters: readParameters(reader, parameters, context.updateScope),
    };
  },
};
