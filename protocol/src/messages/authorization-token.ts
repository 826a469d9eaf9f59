import { SessionError, SessionTerminationCode } from '../errors.js';
import type { AuthorizationToken } from '../model/parameters.js';
import type { Vi64 } from '../model/vi64.js';
import { PartialReader } from '../wire/reader.js';
import { Writer } from '../wire/writer.js';

/**
 * An AUTHORIZATION TOKEN as it stands on the wire (draft-18 §10.2.2): a token by value, or an operation on the alias
 * cache of the receiver, which the session resolves.
 */
export type Token =
  | AuthorizationToken
  | { readonly action: 'register'; readonly alias: Vi64; readonly type: Vi64; readonly value: Uint8Array }
  | { readonly action: 'use-alias'; readonly alias: Vi64 }
  | { readonly action: 'delete'; readonly alias: Vi64 };

const DELETE = 0x0;
const REGISTER = 0x1;
const USE_ALIAS = 0x2;
const USE_VALUE = 0x3;

/** Decodes a Token structure; throws KEY_VALUE_FORMATTING_ERROR if it cannot be decoded. */
export function decodeToken(bytes: Uint8Array): Token {
  const reader = new PartialReader(bytes);
  const aliasType = reader.vi64();
  const token = decodeFields(reader, aliasType);
  if (token === null) throw undecodable(`alias type ${aliasType} is unknown`);
  if (reader.short) throw undecodable('it is too short');
  if (reader.remaining > 0) throw undecodable(`it has ${reader.remaining} bytes too many`);
  return token;
}

/** Encodes a Token structure. */
export function encodeToken(token: Token): Uint8Array {
  const writer = new Writer(32);
  if (!('action' in token)) {
    writer.vi64(USE_VALUE);
    writeValue(writer, token);
  } else if (token.action === 'register') {
    writer.vi64(REGISTER);
    writer.vi64(token.alias);
    writeValue(writer, token);
  } else {
    writer.vi64(token.action === 'delete' ? DELETE : USE_ALIAS);
    writer.vi64(token.alias);
  }
  return writer.finish();
}

function writeValue(writer: Writer, token: AuthorizationToken): void {
  writer.vi64(token.type);
  writer.bytes(token.value);
}

function decodeFields(reader: PartialReader, aliasType: Vi64): Token | null {
  switch (aliasType) {
    case DELETE:
      return { action: 'delete', alias: reader.vi64() };
    case REGISTER:
      return { action: 'register', alias: reader.vi64(), type: reader.vi64(), value: reader.rest() };
    case USE_ALIAS:
      return { action: 'use-alias', alias: reader.vi64() };
    case USE_VALUE:
      return { type: reader.vi64(), value: reader.rest() };
    default:
      return null;
  }
}

function undecodable(why: string): SessionError {
  const message = `authorization token cannot be decoded: ${why}`;
  return new SessionError(SessionTerminationCode.KEY_VALUE_FORMATTING_ERROR, message);
}
