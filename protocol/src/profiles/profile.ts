import type { MessageCodec, MessageKind } from '../messages/message.js';
import type { ParameterTable } from '../messages/parameters.js';
import type { Vi64 } from '../model/vi64.js';

/** What sessions and data streams do otherwise by draft. */
export interface ProfileRules {
  /** Whether a session may hold several subscriptions to a track in the same role (draft-18 §5.1: it may not). */
  readonly concurrentSubscriptions: boolean;
  /** Whether a Track Name may be empty (draft-18 §2.4.1: it may); one that may not ends the session. */
  readonly emptyTrackNames: boolean;
  /** Flags that end a range of a fetch stream, and whether they say that it is unknown (draft-18 §11.4.4.2). */
  readonly rangeEnds: ReadonlyMap<Vi64, boolean>;
}

/**
 * Everything that differs by the number of the draft. Messages, parameters and data streams hold no condition on the
 * version: a second profile lists other codecs and rows.
 */
export interface Profile {
  /** The ALPN identifier on raw QUIC and the subprotocol on WebTransport (draft-18 §3.1). */
  readonly protocol: string;
  readonly codecs: ReadonlyMap<MessageKind, MessageCodec>;
  /** By message type, aliases included. */
  readonly codecsByCode: ReadonlyMap<number, MessageCodec>;
  readonly parameters: ParameterTable;
  readonly rules: ProfileRules;
}

/** Makes a profile of a list of codecs; two that share a code or a kind are a programming error and throw. */
export function defineProfile(
  protocol: string,
  codecs: readonly MessageCodec[],
  parameters: ParameterTable,
  rules: ProfileRules,
): Profile {
  const byKind = new Map<MessageKind, MessageCodec>();
  const byCode = new Map<number, MessageCodec>();
  for (const codec of codecs) {
    if (byKind.has(codec.kind)) throw new Error(`profile ${protocol} has two codecs for ${codec.kind}`);
    byKind.set(codec.kind, codec);
    for (const code of [codec.code, ...(codec.aliases ?? [])]) {
      if (byCode.has(code)) throw new Error(`profile ${protocol} has two codecs for message type ${code}`);
      byCode.set(code, codec);
    }
  }
  const sorted = [...parameters].sort((a, b) => a.code - b.code);
  return { protocol, codecs: byKind, codecsByCode: byCode, parameters: sorted, rules };
}
