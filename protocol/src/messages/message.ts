import type { Reader } from '../wire/reader.js';
import type { Writer } from '../wire/writer.js';
import type { FetchMessage } from './fetch.js';
import type { FetchOkMessage } from './fetch-ok.js';
import type { GoawayMessage } from './goaway.js';
import type { NamespaceDoneMessage, NamespaceMessage } from './namespace.js';
import type { ParameterScope, ParameterTable } from './parameters.js';
import type { PublishMessage } from './publish.js';
import type { PublishBlockedMessage } from './publish-blocked.js';
import type { PublishDoneMessage } from './publish-done.js';
import type { PublishNamespaceMessage } from './publish-namespace.js';
import type { RequestErrorMessage } from './request-error.js';
import type { RequestOkMessage } from './request-ok.js';
import type { RequestUpdateMessage } from './request-update.js';
import type { SetupMessage } from './setup.js';
import type { SubscribeMessage } from './subscribe.js';
import type { SubscribeNamespaceMessage } from './subscribe-namespace.js';
import type { SubscribeOkMessage } from './subscribe-ok.js';
import type { SubscribeTracksMessage } from './subscribe-tracks.js';
import type { TrackStatusMessage } from './track-status.js';

/** Every message of draft-18 §10. PUBLISH_OK and its likes are REQUEST_OK. */
export type Message =
  | SetupMessage
  | GoawayMessage
  | SubscribeMessage
  | SubscribeOkMessage
  | RequestUpdateMessage
  | RequestOkMessage
  | RequestErrorMessage
  | PublishMessage
  | PublishDoneMessage
  | PublishBlockedMessage
  | FetchMessage
  | FetchOkMessage
  | TrackStatusMessage
  | PublishNamespaceMessage
  | SubscribeNamespaceMessage
  | SubscribeTracksMessage
  | NamespaceMessage
  | NamespaceDoneMessage;

/** The name of a message in its `kind` field. */
export type MessageKind = Message['kind'];

/** Where a message stands: what may come there, and what the messages that serve several requests mean there. */
export interface MessageContext {
  /** For error messages. */
  readonly place: string;
  readonly allowed: ReadonlySet<MessageKind>;
  /** What a REQUEST_OK is the answer to. */
  readonly okScope: ParameterScope;
  /** What a REQUEST_UPDATE changes. */
  readonly updateScope: ParameterScope;
  /** On the control stream GOAWAY carries a Request ID. */
  readonly control: boolean;
}

/** How one message is serialized after its type and length. Decoders copy what they keep. */
export interface MessageCodec<M extends Message = Message> {
  readonly kind: M['kind'];
  readonly code: number;
  /** Further codes that are read as this message and never written. */
  readonly aliases?: readonly number[];
  /** Throws EncodeError. */
  encode(writer: Writer, message: M, parameters: ParameterTable, context: MessageContext): void;
  /** Throws SessionError. Trailing bytes are the caller's to refuse. */
  decode(reader: Reader, parameters: ParameterTable, context: MessageContext): M;
}
